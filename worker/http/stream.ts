/** Answers that are written while they are read. */

/**
 * A body of texts, each asked for when the one before has been taken. The first is there before the answer begins, so
 * that what fails at once is told with its status; what fails later breaks the body off, for half of it must not look
 * like the whole.
 */
export async function streamed(
  texts: AsyncGenerator<string, void>,
  onFailure: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  let next: IteratorResult<string, void> | null = await texts.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = next ?? (await texts.next());
          next = null;
          if (done) controller.close();
          else controller.enqueue(encoder.encode(value));
        } catch (error) {
          onFailure(error);
          controller.error(error);
        }
      },
      async cancel() {
        await texts.return();
      },
    },
    // Nothing is read ahead.
    { highWaterMark: 0 },
  );
}
