// The list of transfers. A row is made once and then only its changed parts are written; every word from outside
// (names, errors) goes in as text.
import * as format from './format.ts';
import { writeName } from './names.ts';
import { saveAllowed } from './save.ts';

export type State = 'waiting' | 'uploading' | 'paused' | 'retrying' | 'failed' | 'done';

export interface View {
  id: string;
  name: string;
  size: number;
  done: number;
  state: State;
  speed: number;
  note: string;
  link: string | null;
}

export const actions = ['pause', 'resume', 'retry', 'cancel'] as const;
export type Action = (typeof actions)[number];

const words: Record<State, string> = {
  waiting: 'Waiting',
  uploading: 'Uploading',
  paused: 'Paused',
  retrying: 'Waiting to go on',
  failed: 'Failed',
  done: 'Uploaded',
};

const offered: Record<State, Action[]> = {
  waiting: ['pause', 'cancel'],
  uploading: ['pause', 'cancel'],
  paused: ['resume', 'cancel'],
  retrying: ['pause', 'cancel'],
  failed: ['retry', 'cancel'],
  done: [],
};

const labels: Record<Action, string> = { pause: 'Pause', resume: 'Resume', retry: 'Retry', cancel: 'Cancel' };

/** More rows than this are counted instead of drawn. */
const most = 100;

export class Rows {
  #rows = new Map<string, Row>();

  constructor(
    private list: HTMLElement,
    private more: HTMLElement,
    private act: (action: Action, id: string) => void,
    private actions: Action[],
  ) {}

  show(views: View[]): void {
    const shown = views.slice(0, most);
    const kept = new Set(shown.map((view) => view.id));
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    for (const view of shown) {
      let row = this.#rows.get(view.id);
      if (!row) {
        row = new Row(view, this.act, this.actions);
        this.#rows.set(view.id, row);
        this.list.append(row.element);
      }
      row.show(view);
    }
    this.more.hidden = views.length <= most;
    this.more.textContent = `and ${format.files(views.length - shown.length)} more`;
  }
}

class Row {
  element = document.createElement('li');
  #name = part('span', 'row-name');
  #size = part('span', 'row-size');
  #bar = document.createElement('progress');
  #facts = part('span', 'row-facts');
  #note = part('p', 'row-note');
  #link = document.createElement('a');
  #buttons = new Map<Action, HTMLButtonElement>();

  constructor(view: View, act: (action: Action, id: string) => void, actions: Action[]) {
    this.element.className = 'row';
    writeName(this.#name, view.name);
    const name = this.#name.title;
    this.#size.textContent = format.bytes(view.size);
    this.#bar.max = 100;
    this.#bar.setAttribute('aria-label', name);
    this.#link.className = 'row-link';
    this.#link.textContent = 'Download';
    this.#link.setAttribute('aria-label', `Download ${name}`);
    this.#link.download = '';
    this.#link.addEventListener('click', (event) => saveAllowed(event, this.#link.href, view.name));
    const head = part('div', 'row-head');
    head.append(this.#name, this.#size);
    const foot = part('div', 'row-foot');
    foot.append(this.#facts, this.#note, this.#link);
    for (const action of actions) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'button small';
      button.textContent = labels[action];
      button.setAttribute('aria-label', `${labels[action]} ${name}`);
      button.dataset.action = action;
      button.addEventListener('click', () => act(action, view.id));
      this.#buttons.set(action, button);
      foot.append(button);
    }
    this.element.append(head, this.#bar, foot);
  }

  show(view: View): void {
    this.element.dataset.state = view.state;
    const share = view.state === 'done' ? 100 : format.percent(view.done, view.size);
    this.#bar.value = share;
    this.#bar.hidden = view.state === 'failed';
    write(this.#facts, facts(view, share));
    write(this.#note, view.note);
    this.#note.hidden = view.note === '';
    this.#link.hidden = view.link === null;
    if (view.link !== null && this.#link.href !== view.link) this.#link.href = view.link;
    this.#offer(offered[view.state]);
  }

  /** Pause turns into Resume under the finger: the focus must not fall out of the row. */
  #offer(actions: Action[]): void {
    const focused = [...this.#buttons.values()].some((button) => button === document.activeElement);
    for (const [action, button] of this.#buttons) button.hidden = !actions.includes(action);
    if (focused && actions[0] && !(document.activeElement as HTMLElement | null)?.offsetParent) {
      this.#buttons.get(actions[0])?.focus();
    }
  }
}

function facts(view: View, share: number): string {
  // The browser has handed over everything; it is on its way, or the server makes it durable.
  if (view.state === 'uploading' && view.size > 0 && view.done >= view.size) return 'Sent, waiting for the server';
  const parts = [words[view.state]];
  if (view.state !== 'done' && view.state !== 'failed' && view.done > 0) parts.push(`${Math.floor(share)}\u00a0%`);
  if (view.state === 'uploading' && view.speed > 0) {
    parts.push(format.speed(view.speed), `${format.duration((view.size - view.done) / view.speed)}\u00a0left`);
  }
  return parts.join(' · ');
}

/** One line about all of them. */
export function summary(views: View[], speed: number): string {
  const done = views.filter((view) => view.state === 'done').length;
  const failed = views.filter((view) => view.state === 'failed').length;
  const going = views.filter((view) => view.state !== 'failed');
  const sent = going.reduce((sum, view) => sum + view.done, 0);
  const size = going.reduce((sum, view) => sum + view.size, 0);
  const parts = [`${done} of ${format.files(views.length)}`, `${format.bytes(sent)} of ${format.bytes(size)}`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (speed > 0 && sent < size) parts.push(format.speed(speed), `${format.duration((size - sent) / speed)}\u00a0left`);
  return parts.join(' · ');
}

function part(tag: string, name: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
