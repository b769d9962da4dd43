/** The least that a collector on D1 can do: one row written for each request, nothing read of it, nothing said. */
export default {
  async fetch(request, { DB }) {
    const id = new URL(request.url).pathname;
    await DB.prepare("INSERT INTO floor (id, n) VALUES (?1, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1")
      .bind(id)
      .run();
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<{ DB: D1Database }>;
