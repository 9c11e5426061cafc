// What went wrong, in words for the person who uploads. The server's own sentence comes after the code in its body
// (`ERR_SOMETHING: sentence`) and is shown as text, never as markup.
import { bytes } from './format.ts';

export interface Fault {
  text: string;
  /** It will pass: the page tries again by itself. */
  passing: boolean;
}

const offline = 'You are offline. It goes on when the connection is back.';

export const waitsForToken = 'It waits for the access token.';

/** Whether the server itself said this, and not something on the way to it. */
export function isOurs(body: string): boolean {
  return /^\s*ERR_[A-Z0-9_]+:/.test(body);
}

export function explain(status: number, body: string, maxSize: number | null, challenged = false): Fault {
  const said = sentence(body);
  switch (status) {
    case 0:
      return passing('The server cannot be reached.');
    case 401:
      return challenged ? passing(waitsForToken) : lasting(`The server does not allow this upload.${said}`);
    case 403:
      return lasting(`The server does not allow this upload.${said}`);
    case 404:
    case 410:
      if (/^\s*ERR_CHUNKS_GONE:/.test(body)) return passing('What was sent before has expired.');
      return lasting(`The server does not know this upload.${said}`);
    case 409:
    case 423:
      return passing('Another tab or device is sending this file.');
    case 413:
      if (!isOurs(body)) return lasting('A proxy in front of the server refuses requests of this size. Whoever runs it can raise its limit.');
      return lasting(maxSize === null ? `It is larger than this server takes.${said}` : `It is larger than the ${bytes(maxSize)} this server takes.`);
    case 429:
      return passing('The server is busy.');
    case 460:
      return passing('The data was damaged on its way.');
    case 507:
      return passing('The server has no room for it now.');
  }
  return status >= 500 ? passing(`The server has a problem.${said}`) : lasting(`The server refused it (${status}).${said}`);
}

/** The same while the page waits to try again. */
export function whileWaiting(fault: Fault): string {
  if (fault.text === waitsForToken) return fault.text;
  return navigator.onLine ? `${fault.text} It is tried again by itself.` : offline;
}

function passing(text: string): Fault {
  return { text, passing: true };
}

function lasting(text: string): Fault {
  return { text, passing: false };
}

function sentence(body: string): string {
  const match = /^\s*ERR_[A-Z0-9_]+:\s*(.+)/.exec(body);
  return match ? ` It says: ${match[1]!.trim().slice(0, 200)}` : '';
}
