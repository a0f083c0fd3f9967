// What product/taps asks of the gradient of x: see conv2d/forward_taps.

fn tap_channels() -> u32 {
    return COUT;
}

fn tap_width() -> i32 {
    return i32(OW);
}

fn tap_is_centred() -> bool {
    return W == OW && PAD_X == 1;
}

fn tap_reaches_outside() -> bool {
    return true;
}

fn tap_line(row: vec4<i32>, ky: u32) -> vec4<i32> {
    let y = row.x - i32(ky);
    let x = row.y + 1 - i32(KW);
    return vec4(select(0, 1, y >= 0 && y < i32(OH)), x, row.z + (y * i32(OW) + x) * i32(COUT), 0);
}

fn tap_rows(first: i32, last: i32) -> vec2<i32> {
    return vec2(first + 1 - i32(OH), last + 1);
}
