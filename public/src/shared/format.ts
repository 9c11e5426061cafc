// Numbers as people read them. Sizes count in 1024s, as Uppy's do, so that both say the same of one file.

// A number and its unit stay on one line.
const gap = '\u00a0';

const units = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB'];

export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return count === 1 ? `1${gap}byte` : `${count}${gap}bytes`;
  return `${value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : value.toFixed(0)}${gap}${units[unit]}`;
}

export function speed(bytesPerSecond: number): string {
  return `${bytes(Math.round(bytesPerSecond))}/s`;
}

export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole}${gap}s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes}${gap}min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}${gap}h ${minutes % 60}${gap}min` : `${Math.round(hours / 24)}${gap}days`;
}

export function percent(done: number, size: number): number {
  return size > 0 ? Math.min(100, (done / size) * 100) : 0;
}

export function files(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}
