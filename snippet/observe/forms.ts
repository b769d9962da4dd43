/** Form submits: which form, never what was typed. Only a form that asks for it (`data-kelvin-identify`) tells an e-mail. */
import { record, track } from "../send";

export const submitted = (event: Event): void => {
  // A field named "id" or "name" hides the form's own property: attributes are safe from that.
  const form = event.target as HTMLFormElement;
  // `:valid` is `checkValidity()` without its `invalid` events, which the page would see.
  if (!form.matches("[novalidate],:valid")) return;
  const input = form.querySelector<HTMLInputElement>(
    ":scope[data-kelvin-identify] input:is([type=email],[name=email])",
  );
  if (input?.value) record("identify", { traits: { email: input.value } });
  track("Form Submitted", { form: form.getAttribute("id") ?? form.getAttribute("name") });
};
