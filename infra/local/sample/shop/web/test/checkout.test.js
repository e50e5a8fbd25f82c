import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyBasket, pieces, withProduct, withoutProduct } from "../src/basket.js";
import { submitOrder } from "../src/checkout.js";

const ADDRESS = { name: "Ada", street: "Ring 1", city: "Graz", postcode: "8010", country: "AT" };

// An order service that keeps its promise: one order a key.
function orderService() {
  const orders = new Map();
  const send = async (_path, _body, headers) => {
    const key = headers["idempotency-key"];
    const known = orders.has(key);
    if (!known) {
      orders.set(key, { number: orders.size + 1 });
    }
    return { status: known ? 200 : 201, body: orders.get(key) };
  };
  return { orders, send };
}

test("a basket adds up and empties", () => {
  const basket = withProduct(withProduct(emptyBasket("b1"), "MUG-01", 2), "MUG-01", 1);
  assert.equal(pieces(basket), 3);
  assert.equal(pieces(withoutProduct(basket, "MUG-01")), 0);
});

test("an empty basket is not sent", async () => {
  const { orders, send } = orderService();
  assert.deepEqual(await submitOrder(emptyBasket("b1"), ADDRESS, send), { ok: false, reason: "empty" });
  assert.equal(orders.size, 0);
});

test("a basket sent twice is one order", async () => {
  const { orders, send } = orderService();
  const basket = withProduct(emptyBasket("b1"), "MUG-01", 1);
  const first = await submitOrder(basket, ADDRESS, send);
  const second = await submitOrder(basket, ADDRESS, send);
  assert.equal(orders.size, 1);
  assert.deepEqual(second, first);
});

test("a changed basket is another order", async () => {
  const { orders, send } = orderService();
  const basket = withProduct(emptyBasket("b1"), "MUG-01", 1);
  await submitOrder(basket, ADDRESS, send);
  await submitOrder(withProduct(basket, "POT-09", 1), ADDRESS, send);
  assert.equal(orders.size, 2);
});

test("a wrong address names its fields", async () => {
  const { send } = orderService();
  const basket = withProduct(emptyBasket("b1"), "MUG-01", 1);
  const answer = await submitOrder(basket, { ...ADDRESS, city: " ", postcode: "80100" }, send);
  assert.deepEqual(answer.problems, ["city", "postcode"]);
});
