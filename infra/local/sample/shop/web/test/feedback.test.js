import assert from "node:assert/strict";
import { test } from "node:test";

import { diagnostics, signedHeaders, ticketOf } from "../src/feedback.js";

const CONFIG = {
  release: "1.8.2",
  region: "eu-central",
  locale: "de-AT",
  theme: "dark",
  signingSecret: "shopsec_0000test0000",
};

const FORM = { subject: " Help ", message: " It broke. ", email: "ada@example.test", attachDiagnostics: true };

test("diagnostics name the release and the region", () => {
  assert.match(diagnostics(CONFIG), /^release: 1\.8\.2$/m);
  assert.match(diagnostics(CONFIG), /^region: eu-central$/m);
});

test("diagnostics hold no secret", () => {
  assert.doesNotMatch(ticketOf(FORM, CONFIG).body, /secret|shopsec/i);
});

test("diagnostics stay at home unless the customer attaches them", () => {
  const ticket = ticketOf({ ...FORM, attachDiagnostics: false }, CONFIG);
  assert.deepEqual(ticket, { subject: "Help", body: "It broke.", requester: "ada@example.test" });
});

test("the signature covers time and body", () => {
  const headers = signedHeaders("{}", "2025-11-03T10:00:00Z", "s3cret");
  const later = signedHeaders("{}", "2025-11-03T10:00:01Z", "s3cret");
  assert.equal(headers["x-zendesk-webhook-signature"].length, 44);
  assert.notEqual(headers["x-zendesk-webhook-signature"], later["x-zendesk-webhook-signature"]);
});
