/** Speed over the last seconds. Bytes that were there before the first look do not count as sent. */
export class Meter {
  #samples: { at: number; done: number }[] = [];

  look(done: number, at = performance.now()): void {
    const last = this.#samples.at(-1);
    if (last && done < last.done) this.#samples = [];
    this.#samples.push({ at, done });
    while (this.#samples.length > 2 && at - this.#samples[0]!.at > 6000) this.#samples.shift();
  }

  reset(): void {
    this.#samples = [];
  }

  get speed(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 400) return 0;
    return ((last.done - first.done) * 1000) / (last.at - first.at);
  }
}
