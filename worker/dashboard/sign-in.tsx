/** The door. */
import type { FC } from "hono/jsx";
import { Document, Mark } from "./layout";

export interface SignInProps {
  /** Where one wanted to go. */
  next: string;
  /** What is wrong with the key that was sent. */
  wrong?: string;
  /** Why the identity provider's word was not enough. */
  note?: string | null;
}

export const SignIn: FC<SignInProps> = ({ next, wrong, note }) => (
  <Document title="Sign in" class="door">
    <main>
      <div class="door-card">
        <p class="brand">
          <Mark />
          <span>Kelvin</span>
        </p>
        <h1>Sign in</h1>
        {note && <p class="muted small">{note} You can use a key.</p>}
        <form method="post" action="/dashboard/sign-in">
          <input type="hidden" name="next" value={next} />
          <label for="key">Secret key</label>
          <input
            id="key"
            name="key"
            type="password"
            autocomplete="current-password"
            required
            autofocus
            spellcheck={false}
            aria-invalid={wrong ? "true" : undefined}
            aria-describedby={wrong ? "wrong hint" : "hint"}
          />
          {wrong && (
            <p id="wrong" class="field-error" role="alert">
              {wrong}
            </p>
          )}
          <p id="hint" class="muted small">
            One with the scope <code>read</code>, such as the admin key that <code>npm start</code> prints. You stay
            signed in for 12 hours.
          </p>
          <button type="submit" class="primary">
            Sign in
          </button>
        </form>
      </div>
    </main>
  </Document>
);
