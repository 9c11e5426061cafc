// The names of what was begun and not finished, so that after a reload the page can say which files to choose again.

export interface Unfinished {
  id: string;
  name: string;
  size: number;
  at: number;
}

const place = 'resumed.unfinished';
const most = 200;
const keep = 7 * 24 * 60 * 60 * 1000;

export function unfinished(): Unfinished[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(place) ?? '[]');
    return Array.isArray(stored) ? stored.filter(sound).filter((one) => Date.now() - one.at < keep) : [];
  } catch {
    return [];
  }
}

export function remember(ones: Unfinished[]): void {
  const ids = new Set(ones.map((one) => one.id));
  save([...ones, ...unfinished().filter((old) => !ids.has(old.id))].slice(0, most));
}

export function forget(id: string): void {
  save(unfinished().filter((one) => one.id !== id));
}

function save(ones: Unfinished[]): void {
  try {
    localStorage.setItem(place, JSON.stringify(ones));
  } catch {
    // A full or closed storage costs the reminder only, not the upload.
  }
}

function sound(one: unknown): one is Unfinished {
  const some = one as Partial<Unfinished> | null;
  return (
    typeof some?.id === 'string' && typeof some.name === 'string' && typeof some.size === 'number' && typeof some.at === 'number'
  );
}
