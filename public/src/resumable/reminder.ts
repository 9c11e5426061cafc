// The list of what was begun earlier and waits for its file.
import { bytes } from '../shared/format.ts';
import { byId } from '../shared/frame.ts';
import { writeName } from '../shared/names.ts';
import { forget, unfinished } from './unfinished.ts';

let shown = '';

export function showUnfinished(running: string[]): void {
  const ones = unfinished().filter((one) => !running.includes(one.id));
  const now = ones.map((one) => one.id).join('\n');
  if (now === shown) return;
  shown = now;
  byId('unfinished').hidden = ones.length === 0;
  byId('unfinished-rows').replaceChildren(
    ...ones.map((one) => {
      const row = document.createElement('li');
      row.className = 'row row-head';
      const name = document.createElement('span');
      name.className = 'row-name';
      writeName(name, one.name);
      const size = document.createElement('span');
      size.className = 'row-size';
      size.textContent = bytes(one.size);
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'button small';
      button.textContent = 'Forget';
      button.setAttribute('aria-label', `Forget ${name.title}`);
      button.addEventListener('click', () => {
        forget(one.id);
        showUnfinished(running);
        byId('choose-files').focus();
      });
      row.append(name, size, button);
      return row;
    }),
  );
}
