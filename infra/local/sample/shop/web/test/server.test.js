import assert from "node:assert/strict";
import { test } from "node:test";

import { answer } from "../src/server.js";
import { sessionCookie, sessionOf } from "../src/session.js";

const PRODUCTS = [{ name: "Cup <big>", cents: 1250 }, { name: "Plate", cents: 975 }];

test("the catalogue shows escaped names, cheapest first", () => {
  const { status, html } = answer("GET", "/", PRODUCTS);
  assert.equal(status, 200);
  assert.ok(html.indexOf("Plate") < html.indexOf("Cup &lt;big&gt;"));
});

test("other paths and methods are refused", () => {
  assert.equal(answer("GET", "/admin", PRODUCTS).status, 404);
  assert.equal(answer("POST", "/", PRODUCTS).status, 405);
});

test("a session is found again in its cookie", () => {
  const cookie = sessionCookie("abcdef0123456789");
  assert.equal(sessionOf(`theme=dark; ${cookie}`), "abcdef0123456789");
  assert.equal(sessionOf("shop_session=../x"), null);
});
