// Amounts as people read and type them. Inside the shop they are whole cents.

/** `1205` becomes "12.05". */
export function formatCents(cents) {
  const sign = cents < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(cents) / 100);
  const rest = Math.abs(cents) % 100;
  return `${sign}${whole}.${rest}`;
}

/** "12.05", "12,05" and "12" become cents; anything else becomes null. */
export function parseAmount(text) {
  const match = /^(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  if (match === null) {
    return null;
  }
  const [, whole, fraction = ""] = match;
  return Number(whole) * 100 + Number(fraction.padEnd(2, "0"));
}
