// The access token of a server that asks for one: asked of the person when the server says 401, kept for as long as the
// tab lives and nowhere else, and sent with every request of the page.
import { byId } from './frame.ts';

const place = 'resumed.token';

let token = recall();
let asking: Promise<void> | null = null;

/** The token that the next request carries. */
export function currentToken(): string | null {
  return token;
}

export function authorization(): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Whether an answer asks for a token, and not for something that the browser itself asks the person for. */
export function wantsToken(status: number, challenge: string | null | undefined): boolean {
  return status === 401 && /^\s*bearer\b/i.test(challenge ?? '');
}

/** Resolves at once, or when the person has given a token. */
export function allowed(): Promise<void> {
  return asking ?? Promise.resolve();
}

export function isAsking(): boolean {
  return asking !== null;
}

/** The server refused a request that was sent with `used`. An answer to an older token than today's changes nothing. */
export function refused(used: string | null): void {
  if (asking || used !== token) return;
  keep(null);
  asking = ask(used !== null).then(() => {
    asking = null;
  });
}

/** `fetch` with the token, for as long as `limit` allows. A refusal waits for the person and then asks again. */
export async function fetchAllowed(address: string | URL, options: RequestInit = {}, limit = 10_000): Promise<Response> {
  for (;;) {
    await allowed();
    const used = token;
    const headers = { ...(options.headers as Record<string, string>), ...authorization() };
    const response = await fetch(address, { ...options, headers, signal: AbortSignal.timeout(limit) });
    if (!wantsToken(response.status, response.headers.get('WWW-Authenticate'))) return response;
    refused(used);
  }
}

function ask(again: boolean): Promise<void> {
  const form = byId<HTMLFormElement>('access');
  const input = byId<HTMLInputElement>('token');
  const problem = byId('token-problem');
  const complain = (text: string) => {
    problem.textContent = text;
    input.toggleAttribute('aria-invalid', text !== '');
  };
  complain(again ? 'The server did not accept this token.' : '');
  form.hidden = false;
  input.focus();
  return new Promise((done) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const given = input.value.trim();
      // Other characters cannot stand in a header.
      if (!/^[\x21-\x7e]+$/.test(given)) {
        complain(given === '' ? 'Type the token first.' : 'A token has no spaces, and only plain letters, digits and signs.');
        input.focus();
        return;
      }
      keep(given);
      input.value = '';
      form.hidden = true;
      byId('main').focus();
      done();
    };
  });
}

function keep(given: string | null): void {
  token = given;
  try {
    if (given === null) sessionStorage.removeItem(place);
    else sessionStorage.setItem(place, given);
  } catch {
    // Without storage it is asked for again after a reload.
  }
}

function recall(): string | null {
  try {
    return sessionStorage.getItem(place);
  } catch {
    return null;
  }
}
