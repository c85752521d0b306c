/**
 * Figures in words: bitrates, times, shares, sizes. Pure.
 * @module figures
 */

/** 2.4 Mbit/s. @param {number} bits  per second */
export function bitrate(bits) {
  if (bits >= 999_500) return `${(bits / 1e6).toFixed(bits >= 9.95e6 ? 0 : 1)} Mbit/s`;
  return `${Math.round(bits / 1000)} kbit/s`;
}

/** 45 s, 12 min, 3 h 5 min. @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 0:45, 12:03, 3:05:00. @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  const pad = (n) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** A number with its unit, or a dash. */
export function amount(value, unit, digits = 0) {
  if (value === null || value === undefined) return '–';
  return value > 0 && value < 0.5 && digits === 0 ? `< 1 ${unit}` : `${value.toFixed(digits)} ${unit}`;
}

/** 1.2 %. @param {?number} share 0 to 1 */
export function percent(share) {
  return share === null ? '–' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** 1280 × 720, or a dash. */
export function size({ width, height }) {
  return width && height ? `${width} × ${height}` : '–';
}
