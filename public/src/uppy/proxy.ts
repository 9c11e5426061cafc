// Notices a proxy that keeps a request to itself until it has all of it. Nothing can be resumed behind one: what breaks
// off never reached the server. The sign is that the browser sends and sends and the server's own offset stays where
// the request began. A slow line never shows it: what it carries, the server has. Nor does a dead one: nothing is sent on
// it once the buffers are full, and the sign asks for bytes that move before, between and after two looks.

const enough = 2 * 1024 * 1024;
const between = 512 * 1024;
const patience = 3000;
const pause = 2000;

/** One request that is being watched. */
interface Watched {
  url: string;
  start: number;
  began: number;
  looks: { at: number; sent: number }[];
  over: boolean;
}

export class ProxyWatch {
  #settled = false;
  /** One question at a time, whatever number of requests is watched. */
  #looking = false;

  constructor(
    /** Asks the server for the offset of an upload; null when it can't tell. */
    private look: (url: string) => Promise<number | null>,
    private found: () => void,
  ) {}

  /** Watches a request that adds bytes from `start` on. It has to be called before the request is sent. */
  watch(request: XMLHttpRequest, url: string, start: number): void {
    if (this.#settled) return;
    const watched: Watched = { url, start, began: 0, looks: [], over: false };
    request.upload.addEventListener('progress', (event) => void this.#moved(watched, event.loaded));
    request.addEventListener('loadend', () => (watched.over = true));
  }

  async #moved(watched: Watched, sent: number): Promise<void> {
    const now = performance.now();
    watched.began ||= now;
    if (this.#settled || this.#looking || watched.over) return;
    if (sent < enough || now - watched.began < patience) return;
    const last = watched.looks.at(-1);
    if (last && (sent - last.sent < between || now - last.at < pause)) return;
    if (watched.looks.length === 2) {
      this.#settled = true;
      this.found();
      return;
    }
    // The server may end an append that has been silent when somebody asks for its offset. This one is not: its bytes
    // move at this moment. And a line that is once seen to be sound is not asked about again.
    this.#looking = true;
    const offset = await this.look(watched.url);
    this.#looking = false;
    if (offset === null || watched.over) watched.over = true;
    else if (offset > watched.start) this.#settled = true;
    else watched.looks.push({ at: now, sent });
  }
}
