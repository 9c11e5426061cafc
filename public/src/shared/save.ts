// A download that needs the access token: a link of its own can't carry one.
import { currentToken, fetchAllowed } from './access.ts';
import { notice } from './frame.ts';
import { plain } from './names.ts';

const aDay = 24 * 60 * 60 * 1000;

/** Takes over the click on a download link when there is a token. The browser keeps the file until it is whole. */
export function saveAllowed(event: MouseEvent, address: string, name: string): void {
  if (currentToken() === null) return;
  event.preventDefault();
  fetchAllowed(address, {}, aDay)
    .then(async (response) => {
      if (!response.ok) throw new Error(String(response.status));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = name.split('/').at(-1) ?? '';
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    })
    .catch(() => notice('files', `The download of ${plain(name)} failed.`));
}
