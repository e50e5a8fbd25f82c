//! How definitions of each family of languages are told from what only looks like one.

use super::*;

fn check(family: Family, expected: &[(&str, Option<(Kind, &str)>)]) {
    for (line, expected) in expected {
        let found = definition(family, line, "").map(|found| (found.kind, found.name));
        assert_eq!(found, *expected, "{line}");
    }
}

#[test]
fn rust_definitions_are_named() {
    check(
        Family::Rust,
        &[
            (
                "pub(crate) async fn total(cart: &Cart) -> u64 {",
                Some((Kind::Leaf, "total")),
            ),
            (
                "    pub const fn cents(self) -> i64 {",
                Some((Kind::Leaf, "cents")),
            ),
            ("unsafe extern \"C\" fn raw() {", Some((Kind::Leaf, "raw"))),
            (
                "impl<T: Into<String>> From<T> for crate::money::Money<T> {",
                Some((Kind::Holder, "Money")),
            ),
            ("impl Cart {", Some((Kind::Holder, "Cart"))),
            ("pub struct Cart {", Some((Kind::Holder, "Cart"))),
            (
                "pub const LINES_MAX: usize = 40;",
                Some((Kind::Leaf, "LINES_MAX")),
            ),
            ("macro_rules! text_id {", Some((Kind::Leaf, "text_id"))),
            ("implements(cart);", None),
            ("let total = fnord(3);", None),
            ("use crate::cart::Cart;", None),
        ],
    );
}

#[test]
fn script_definitions_are_named() {
    check(
        Family::Script,
        &[
            (
                "export default async function submit(order) {",
                Some((Kind::Leaf, "submit")),
            ),
            ("function* pages() {", Some((Kind::Leaf, "pages"))),
            (
                "export class Basket extends Store {",
                Some((Kind::Holder, "Basket")),
            ),
            (
                "export const total = (lines) => lines.length;",
                Some((Kind::Leaf, "total")),
            ),
            (
                "const total: Total = async (lines) => {",
                Some((Kind::Leaf, "total")),
            ),
            ("exports.total = function (lines) {", Some((Kind::Leaf, "total"))),
            ("  static async load(id) {", Some((Kind::Leaf, "load"))),
            ("export const PAGE_SIZE = 12;", Some((Kind::Leaf, "PAGE_SIZE"))),
            ("if (a) {", None),
            ("  } else if (b) {", None),
            ("describe('x', () => {", None),
            ("const total = lines.length;", None),
            ("if (a === (b => c)) {", None),
        ],
    );
}

#[test]
fn other_languages_definitions_are_named() {
    check(
        Family::Python,
        &[
            ("    async def total(self):", Some((Kind::Leaf, "total"))),
            ("class Cart(Base):", Some((Kind::Holder, "Cart"))),
        ],
    );
    check(
        Family::Go,
        &[
            ("func (c *Cart) Total() int {", Some((Kind::Leaf, "Total"))),
            ("func New() *Cart {", Some((Kind::Leaf, "New"))),
            ("type Cart struct {", Some((Kind::Holder, "Cart"))),
        ],
    );
    check(
        Family::Ruby,
        &[
            ("  def self.total(cart)", Some((Kind::Leaf, "total"))),
            ("module Shop", Some((Kind::Holder, "Shop"))),
        ],
    );
    check(
        Family::Braces,
        &[
            (
                "public static long total(Cart cart) throws Empty {",
                Some((Kind::Leaf, "total")),
            ),
            ("class Cart : public Base {", Some((Kind::Holder, "Cart"))),
            ("fun total(cart: Cart): Long {", Some((Kind::Leaf, "total"))),
            ("static int total(struct cart *c) {", Some((Kind::Leaf, "total"))),
            ("return total(cart) {", None),
            ("int x = total(cart);", None),
            ("} else if (x) {", None),
        ],
    );
}

#[test]
fn a_brace_on_the_next_line_opens_a_function_too() {
    let found = definition(Family::Braces, "int total(struct cart *c)", "{");
    assert_eq!(
        found,
        Some(Definition {
            kind: Kind::Leaf,
            name: "total"
        })
    );
    assert_eq!(definition(Family::Braces, "int total(struct cart *c)", "x"), None);
}
