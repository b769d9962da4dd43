/** The door of a soak: two Workers, isolates of their own on one database; a header says which is meant. */
export default {
  fetch(request, { A, B }) {
    return (request.headers.get("x-isolate") === "b" ? B : A).fetch(request);
  },
} satisfies ExportedHandler<{ A: Fetcher; B: Fetcher }>;
