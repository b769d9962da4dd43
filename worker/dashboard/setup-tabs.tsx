/** The way between the pages of the set-up. */
import type { FC } from "hono/jsx";
import type { Frame } from "./data";
import { link } from "./layout";

const TABS = [
  { path: "/setup", label: "Site", forAdmins: false },
  { path: "/setup/webhooks", label: "Webhooks", forAdmins: false },
  { path: "/setup/keys", label: "Keys", forAdmins: true },
  { path: "/setup/status", label: "Status", forAdmins: false },
] as const;

export const SetupTabs: FC<{ frame: Frame; tab: (typeof TABS)[number]["label"] }> = ({ frame, tab }) => (
  <nav class="tabs" aria-label="Set-up">
    {TABS.filter(({ forAdmins }) => frame.mayAdminister || !forAdmins).map(({ path, label }) => (
      <a href={link(frame, path)} aria-current={label === tab ? "page" : undefined}>
        {label}
      </a>
    ))}
  </nav>
);
