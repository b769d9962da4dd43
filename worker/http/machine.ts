export function agentKind(ua: string): "person" | "library" | "machine" {
  return /bot|proxy|barracuda|mimecast/i.test(ua) ? "machine" : "person";
}
