/** Mail domains that anybody can have an address at. */

const FREE_MAIL = new Set(["gmail.com"]);

export function isFreeMail(domain: string): boolean {
  return FREE_MAIL.has(domain);
}
