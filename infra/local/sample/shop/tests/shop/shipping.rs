use shop::money::Money;
use shop::shipping::{cost, zone, Zone};

#[test]
fn zones_follow_the_country() {
    assert_eq!(zone("DE"), Zone::Home);
    assert_eq!(zone("AT"), Zone::Neighbours);
    assert_eq!(zone("JP"), Zone::World);
}

#[test]
fn countries_are_read_in_any_case() {
    assert_eq!(zone("at"), Zone::Neighbours);
    assert_eq!(zone(" De "), Zone::Home);
    assert_eq!(cost("de", Money::of_cents(20_00), 500), Money::of_cents(4_90));
}

#[test]
fn home_parcels_go_free_from_fifty() {
    assert_eq!(cost("DE", Money::of_cents(50_00), 500), Money::ZERO);
    assert_eq!(cost("DE", Money::of_cents(49_99), 500), Money::of_cents(4_90));
}

#[test]
fn heavy_goods_take_several_parcels() {
    assert_eq!(cost("FR", Money::of_cents(80_00), 40_000), Money::of_cents(19_80));
}
