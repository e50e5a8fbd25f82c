// Sends a basket to the order service.

import { randomUUID } from "node:crypto";

import { checkAddress } from "./address.js";

/** The key by which the order service drops an order that it has already taken. */
export function orderKey(basket) {
  return `${basket.id}-${randomUUID()}`;
}

/**
 * Places the order. `send(path, body, headers)` posts JSON and resolves to `{ status, body }`.
 * The order service answers 200 with the first order for a key that it knows.
 */
export async function submitOrder(basket, address, send) {
  if (basket.lines.length === 0) {
    return { ok: false, reason: "empty" };
  }
  const problems = checkAddress(address);
  if (problems.length > 0) {
    return { ok: false, reason: "address", problems };
  }
  const body = { basket: basket.id, lines: basket.lines, address };
  const answer = await send("/orders", body, { "idempotency-key": orderKey(basket) });
  if (answer.status !== 200 && answer.status !== 201) {
    return { ok: false, reason: "refused", status: answer.status };
  }
  return { ok: true, number: answer.body.number };
}
