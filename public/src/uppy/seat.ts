// Every tab has a seat of its own, and with it a name for what it keeps in the browser. Else a second tab would take
// the running uploads of the first for lost ones and send them again. After a reload or a crash a tab sits down on the
// seat it had, or on the first that is free, and finds there what was not finished.

const seats = 16;
const remembered = 'resumed.seat';

export async function takeSeat(): Promise<string> {
  const had = Number(recall());
  const seat = navigator.locks ? await lockOne(had) : had || Math.floor(Math.random() * 1e9) + seats;
  remember(String(seat));
  return `page${seat}`;
}

/** The lock lives as long as the tab. */
async function lockOne(had: number): Promise<number> {
  // The page before the reload may need a moment to let go of the seat.
  if (had > 0 && had <= seats && (await lock(had, { signal: AbortSignal.timeout(1500) }))) return had;
  for (let seat = 1; seat <= seats; seat += 1) {
    if (await lock(seat, { ifAvailable: true })) return seat;
  }
  return Math.floor(Math.random() * 1e9) + seats;
}

function lock(seat: number, options: LockOptions): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request(`resumed.seat.${seat}`, options, (held) => {
        resolve(held !== null);
        return held === null ? undefined : new Promise<never>(() => {});
      })
      .catch(() => resolve(false));
  });
}

function recall(): string | null {
  try {
    return sessionStorage.getItem(remembered);
  } catch {
    return null;
  }
}

function remember(seat: string): void {
  try {
    sessionStorage.setItem(remembered, seat);
  } catch {
    // Without storage nothing is kept over a reload, and the uploads work all the same.
  }
}
