/** Files that wrangler.toml's `rules` make part of the Worker as text. */
declare module "*.txt" {
  const text: string;
  export default text;
}
