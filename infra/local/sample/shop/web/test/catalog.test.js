import assert from "node:assert/strict";
import { test } from "node:test";

import { PAGE_SIZE, byPrice, pageCount, pageOf, searchProducts } from "../src/catalog.js";

const products = (count) => Array.from({ length: count }, (_, index) => ({ name: `Cup ${index}`, cents: 100 + index }));

test("full pages are counted", () => {
  assert.equal(pageCount(products(0)), 1);
  assert.equal(pageCount(products(PAGE_SIZE * 2)), 2);
});

test("the last, half-full page can be reached", () => {
  const all = products(PAGE_SIZE + 3);
  assert.equal(pageCount(all), 2);
  assert.equal(pageOf(all, 2).products.length, 3);
});

test("a page that is not there shows the nearest", () => {
  assert.equal(pageOf(products(5), 9).page, 1);
  assert.equal(pageOf(products(5), Number.NaN).page, 1);
});

test("search finds names and descriptions in any case", () => {
  const list = [{ name: "Blue Cup" }, { name: "Plate", description: "goes with the blue cup" }, { name: "Fork" }];
  assert.deepEqual(searchProducts(list, " BLUE "), list.slice(0, 2));
  assert.deepEqual(searchProducts(list, ""), list);
});

test("search takes signs literally", () => {
  const list = [{ name: "Mug (large)" }, { name: "C++ mug" }];
  assert.deepEqual(searchProducts(list, "(large"), [list[0]]);
  assert.deepEqual(searchProducts(list, "c++"), [list[1]]);
});

test("equal prices keep one order", () => {
  const list = [{ name: "B", cents: 5 }, { name: "A", cents: 5 }, { name: "C", cents: 1 }];
  assert.deepEqual(byPrice(list).map((product) => product.name), ["C", "A", "B"]);
});
