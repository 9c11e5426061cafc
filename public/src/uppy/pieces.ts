// How much goes into one request. Normally all there is; behind a proxy that keeps or refuses large requests, pieces.

const steps = [8 * 1024 * 1024, 512 * 1024];
const place = 'resumed.pieces';

let size = recall();

export function pieceSize(): number {
  return size;
}

/** Takes the next smaller size, and says whether there is one. */
export function smaller(): boolean {
  const next = steps.find((step) => step < size);
  if (next === undefined) return false;
  size = next;
  try {
    sessionStorage.setItem(place, String(size));
  } catch {
    // Without storage it is found out again after a reload.
  }
  return true;
}

function recall(): number {
  try {
    return steps.find((step) => String(step) === sessionStorage.getItem(place)) ?? Infinity;
  } catch {
    return Infinity;
  }
}
