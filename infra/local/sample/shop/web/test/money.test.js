import assert from "node:assert/strict";
import { test } from "node:test";

import { formatCents, parseAmount } from "../src/money.js";

test("amounts have two decimals", () => {
  assert.equal(formatCents(1205), "12.05");
  assert.equal(formatCents(1200), "12.00");
});

test("amounts keep their sign", () => {
  assert.equal(formatCents(-1250), "-12.50");
});

test("typed amounts are read with point or comma", () => {
  assert.equal(parseAmount(" 12,5 "), 1250);
  assert.equal(parseAmount("12.05"), 1205);
  assert.equal(parseAmount("12.055"), null);
  assert.equal(parseAmount("-3"), null);
});
