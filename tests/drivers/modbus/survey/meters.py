"""Real meters as register images, by the tables of their makers (the sources that the profiles name)."""

from tests.drivers.modbus.survey.images import Image, Network, Unit

__all__ = ["METERS"]

N = Network()
"""What most of them measure."""
K = 0.001


def sdm630() -> Unit:
    """Answers zero between its blocks."""
    image = Image(elsewhere="refused")
    for first, last in ((0, 80), (200, 256), (334, 396)):
        image.words.update(dict.fromkeys(range(first, last), 0))
    image.put(0, "f", *N.u, *N.i, *N.p, *N.s, *N.q, *N.pf).put(42, "f", sum(N.u) / 3).put(48, "f", sum(N.i))
    image.put(52, "f", N.ptot).put(56, "f", N.stot).put(60, "f", N.qtot, N.pftot, 18.5)
    image.put(70, "f", N.hz, 1234.5, 12.25, 345.6, 3.2).put(200, "f", *N.ull).put(224, "f", 3.1)
    image.put(234, "f", 2.1, 2.2, 2.0).put(342, "f", 1246.75, 348.8, 400.0, 410.0, 424.5, 4.0, 4.0, 4.25)
    return Unit(input_=image)


def sdm120() -> Unit:
    """One phase; zero where the larger models have the others."""
    image = Image(dict.fromkeys(range(80), 0) | dict.fromkeys(range(342, 346), 0))
    one = {0: N.u[0], 6: N.i[0], 12: N.p[0], 18: N.s[0], 24: N.q[0], 30: N.pf[0], 36: 11.5, 70: N.hz}
    one |= {72: 512.75, 74: 0.5, 76: 40.25, 78: 1.5, 342: 513.25, 344: 41.75}
    for address, value in one.items():
        image.put(address, "f", value)
    return Unit(input_=image, holding=Image(elsewhere="refused"))


def sdm72_v2() -> Unit:
    """As an SDM630 without reactive energies and distortion, and with counters that can be reset."""
    image = Image(dict.fromkeys(range(80), 0) | dict.fromkeys((*range(200, 256), *range(334, 400)), 0))
    image.put(0, "f", *N.u, *N.i, *N.p, *N.s, *N.q, *N.pf).put(42, "f", sum(N.u) / 3).put(48, "f", sum(N.i))
    image.put(52, "f", N.ptot).put(56, "f", N.stot).put(60, "f", N.qtot, N.pftot).put(70, "f", N.hz, 88.5, 2.25)
    image.put(200, "f", *N.ull).put(224, "f", 3.1).put(342, "f", 90.75).put(0x180, "f", 40.5)
    image.put(0x184, "f", 39.25, 1.25).put(0x18C, "f", 86.25).put(0x500, "f", N.ptot, 0.0)
    return Unit(input_=image)


def dsz15() -> Unit:
    """The addresses of an SDM630, and whole numbers in them."""
    image = Image(elsewhere="zero")
    image.put(0, "I", *(u * 100 for u in N.u)).put(6, "I", *(i * 100 for i in N.i)).put(12, "i", *N.p)
    image.put(30, "i", *(pf * 1000 for pf in N.pf)).put(52, "i", N.ptot).put(62, "i", N.pftot * 1000)
    image.put(72, "I", 456789, 1234)
    return Unit(input_=image)


def _carlo_gavazzi(*, common: bool) -> Image:
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys(range(0x52 if common else 0x60), 0))
    low = {0: [u * 10 for u in N.u], 6: [u * 10 for u in N.ull], 12: [i * 1000 for i in N.i]}
    low |= {18: [p * 10 for p in N.p], 24: [s * 10 for s in N.s], 30: [q * 10 for q in N.q]}
    low |= {36: [sum(N.u) * 10 / 3, sum(N.ull) * 10 / 3, N.ptot * 10, N.stot * 10, N.qtot * 10]}
    for address, values in low.items():
        image.put(address, "i", *values, order="CDAB")
    return image


def em340() -> Unit:
    """Tells its code at holding 11 to who asks for that alone."""
    image = _carlo_gavazzi(common=True)
    image.put(46, "h", *(pf * 1000 for pf in (*N.pf, N.pftot))).put(51, "h", N.hz * 10)
    image.put(52, "i", 98765, 12345, order="CDAB").put(64, "i", 30000, 34000, 34765, order="CDAB")
    image.put(78, "i", 432, 12, order="CDAB")
    return Unit(holding=image, input_=image, single={11: 341}, most=125)


def em24() -> Unit:
    """The older one on RS-485: another map behind the first registers, and no code."""
    image = _carlo_gavazzi(common=False)
    image.put(50, "h", *(pf * 1000 for pf in (*N.pf, N.pftot))).put(55, "h", N.hz * 10)
    image.put(66, "i", 98765, order="CDAB").put(70, "i", 30000, 34000, 34765, order="CDAB")
    image.put(92, "i", 432, order="CDAB")
    return Unit(holding=image, input_=image, single={11: 71})


def em540() -> Unit:
    """Newer: the same beginning, its own code, and counters of 64 bits."""
    image = _carlo_gavazzi(common=True)
    image.put(46, "h", *(pf * 1000 for pf in (*N.pf, N.pftot))).put(50, "h", 1, N.hz * 10)
    image.put(52, "i", 98765, 12345, order="CDAB").put(64, "i", 30000, 34000, 34765, order="CDAB")
    image.put(78, "i", 432, 12, order="CDAB").put(1280, "q", 9876512, order="CDAB")
    return Unit(holding=image, input_=image, single={11: 1760})


def _abb(tag: str, network: Network = N, *, phases: int = 3) -> Unit:
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys(range(0x5000, 0x5040), 0xFFFF))
    image.words.update(dict.fromkeys(range(0x5460, 0x5480), 0xFFFF))
    image.words.update(dict.fromkeys(range(0x5B00, 0x5B40), 0xFFFF))
    image.put(0x5000, "Q", 856720, 1200).put(0x5008, "q", 855520)
    image.put(0x5B00, "I", *(u * 10 for u in network.u[:phases]))
    image.put(0x5B0C, "I", *(i * 100 for i in network.i[:phases]))
    whole = sum(network.p[:phases]), sum(network.q[:phases]), sum(network.s[:phases])
    for address, parts, total in ((0x5B14, network.p, whole[0]), (0x5B1C, network.q, whole[1])):
        image.put(address, "i", total * 100).put(address + 2, "i", *(part * 100 for part in parts[:phases]))
    image.put(0x5B24, "i", whole[2] * 100).put(0x5B2C, "H", network.hz * 100).put(0x5B3A, "h", 950)
    if phases == 3:
        image.put(0x5B06, "I", *(u * 10 for u in network.ull))
    image.put(0x8900, "I", 12345678).text(0x8960, tag, 2).text(0x8908, "B1.2", 8)
    return Unit(holding=image)


def abb_b23() -> Unit:
    """The three-phase meter."""
    return _abb("B23 ")


def abb_b21() -> Unit:
    """The single-phase meter: the same registers, without the other phases."""
    return _abb("B21 ", phases=1)


def pac3200() -> Unit:
    """Refuses a request that begins within a value."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys(range(1, 72), 0))
    image.put(1, "f", *N.u, *N.ull, *N.i, *N.s, *N.p, *N.q, *N.pf).put(43, "f", 1.9, 2.0, 2.1)
    image.put(55, "f", N.hz, sum(N.u) / 3, sum(N.ull) / 3, sum(N.i) / 3, N.stot, N.ptot, N.qtot, N.pftot)
    image.put(801, "d", 1234567.0, 0.0, 2345.0, 0.0, 4321.0, 0.0)
    return Unit(holding=image, input_=image)


def pac1600() -> Unit:
    """The same first addresses with whole numbers."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys((*range(1, 31), *range(49, 61)), 0))
    image.put(1, "I", *(u * 100 for u in N.u)).put(7, "I", *(i * 1e4 for i in N.i))
    image.put(13, "I", *(u * 100 for u in N.ull)).put(19, "i", *(p * 100 for p in N.p), *(q * 100 for q in N.q))
    image.put(49, "i", N.hz * 100, sum(N.u) * 100 / 3).put(57, "i", N.ptot * 100, N.qtot * 100)
    image.words.update(dict.fromkeys((*range(6687, 6715), *range(6727, 6755)), 0))
    image.put(6687, "I", 765432, 1234, 6543, 12)
    return Unit(holding=image, input_=image)


def dmg610() -> Unit:
    """As the PAC1600 begins, with its frequency in thousandths."""
    image = Image(dict.fromkeys(range(1, 100), 0))
    image.put(1, "I", *(u * 100 for u in N.u)).put(7, "I", *(i * 1e4 for i in N.i))
    image.put(13, "I", *(u * 100 for u in N.ull))
    image.put(19, "i", *(p * 100 for p in N.p), *(q * 100 for q in N.q), *(s * 100 for s in N.s))
    image.put(49, "I", N.hz * 1000).put(57, "i", N.ptot * 100, N.qtot * 100, N.stot * 100).put(83, "I", 190)
    image.put(6943, "Q", 765432, 1234, 6543, 12).put(7711, "Q", 2550)
    return Unit(input_=image)


def janitza() -> Unit:
    """The block at 19000."""
    image = Image(elsewhere="zero")
    image.put(19000, "f", *N.u, *N.ull, *N.i, sum(N.i), *N.p, N.ptot, *N.s, N.stot, *N.q, N.qtot, *N.pf, N.hz)
    image.put(19052, "f", 1.0, 5e5, 6e5, 7e5, 1.8e6, 5e5, 6e5, 7e5, 1.8e6, 0.0, 0.0, 0.0, 0.0)
    return Unit(holding=image, input_=image)


def dtsu666(scale: float = 10.0) -> Unit:
    """Floats that carry tenths: 2298 is 229.8 V."""
    image = Image(dict.fromkeys((*range(0x2000, 0x2050), *range(0x1010, 0x1040)), 0))
    image.put(0x2000, "f", *(u * scale for u in N.ull), *(u * scale for u in N.u))
    thousand = scale**3
    image.put(0x200C, "f", *(i * thousand for i in N.i), *(p * scale for p in (N.ptot, *N.p)))
    image.put(0x201A, "f", *(q * scale for q in (N.qtot, *N.q)))
    image.put(0x202A, "f", *(pf * thousand for pf in (N.pftot, *N.pf))).put(0x2044, "f", N.hz * scale**2)
    image.put(0x101E, "f", 1234.5, 400.0, 410.0, 424.5).put(0x1028, "f", 12.25, 4.0, 4.0, 4.25)
    return Unit(holding=image)


def dtsu666_plain() -> Unit:
    """The other firmware: volts are volts."""
    return dtsu666(1.0)


def inepro() -> Unit:
    """Powers in kilowatts."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys((*range(0x5000, 0x5032), *range(0x6000, 0x604C)), 0))
    image.put(0x5002, "f", *N.u, N.hz).put(0x500C, "f", *N.i, N.ptot * K, *(p * K for p in N.p))
    image.put(0x501A, "f", N.qtot * K, *(q * K for q in N.q), N.stot * K, *(s * K for s in N.s))
    image.put(0x502A, "f", N.pftot, *N.pf).put(0x6000, "f", 246.75).put(0x600C, "f", 240.5, 240.5, 0.0)
    image.put(0x6012, "f", 80.0, 80.0, 80.5, 6.25, 6.25, 0.0, 2.0, 2.0, 2.25)
    return Unit(holding=image)


def kbr() -> Unit:
    """Of this one only three values are known."""
    return Unit(input_=Image(elsewhere="zero").put(1, "f", 230.4, 4.25, 50.02))


def socomec() -> Unit:
    """Says what it is, one letter a register."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys((*range(0xC350, 0xC3A0), *range(0xC558, 0xC590), *range(0xC700, 0xC710)), 0))
    image.put(0xC350, "H", *b"SOCO").text(0xC38A, "COUNTIS E24", 8)
    image.put(0xC558, "I", *(u * 100 for u in N.u), N.hz * 100, *(i * 1000 for i in N.i))
    image.put(0xC568, "i", N.ptot / 10, N.qtot / 10).put(0xC570, "i", *(p / 10 for p in N.p))
    image.put(0xC576, "i", *(q / 10 for q in N.q)).put(0xC588, "I", 5000).put(0xC58C, "I", 40000)
    image.put(0xC702, "I", 123456).put(0xC708, "I", 12)
    return Unit(holding=image)


def hager() -> Unit:
    """Says its name in text."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys((*range(0x1000, 0x1080), *range(0xB000, 0xB070), *range(0xB180, 0xB18C)), 0))
    image.text(0x1000, "Hager", 16).text(0x1010, "ECR380D", 16)
    image.put(0xB000, "H", *(u * 100 for u in (*N.u, *N.ull)), N.hz * 100)
    image.put(0xB009, "I", *(i * 1000 for i in N.i)).put(0xB011, "i", N.ptot / 10, N.qtot / 10, N.stot / 10)
    image.put(0xB017, "h", N.pftot * 1000).put(0xB019, "i", *(v / 10 for v in (*N.p, *N.q, *N.s)))
    image.put(0xB060, "I", 1234, 345, 12, 1)
    return Unit(holding=image)


def aplus() -> Unit:
    """Floats with the low word first."""
    image = Image(elsewhere="zero")
    image.put(99, "f", sum(N.ull) / 3, order="CDAB").put(101, "f", *N.u, order="CDAB")
    image.put(115, "f", sum(N.i) / 3, *N.i, order="CDAB").put(133, "f", N.ptot, *N.p, order="CDAB")
    image.put(141, "f", N.qtot, *N.q, order="CDAB").put(157, "f", N.hz, order="CDAB")
    return Unit(holding=image)


def we516() -> Unit:
    """Kilowatts, from address 14."""
    image = Image(dict.fromkeys((*range(62), *range(256, 330)), 0))
    image.put(14, "f", *N.u, N.hz, *N.i, N.ptot * K, *(p * K for p in N.p), N.qtot * K)
    image.put(44, "f", N.stot * K).put(52, "f", N.pftot).put(256, "f", 246.75, 80.0, 82.0, 84.75, 240.5)
    return Unit(holding=image)


def we514() -> Unit:
    """One phase; hundredths of a volt in one register."""
    image = Image(dict.fromkeys((*range(304, 346), *range(0xA000, 0xA028)), 0))
    image.put(304, "H", N.hz * 100, N.u[0] * 100).put(313, "I", N.i[0] * 1000).put(320, "I", N.p[0])
    image.put(328, "I", N.q[0]).put(336, "I", N.s[0]).put(344, "H", N.pf[0] * 1000).put(0xA000, "I", 12345)
    return Unit(holding=image)


def pzem() -> Unit:
    """Ten input registers, low word first, and not one more."""
    image = Image()
    image.put(0, "H", N.u[0] * 10).put(1, "I", N.i[0] * 1000, N.p[0] * 10, 4321, order="CDAB")
    image.put(7, "H", N.hz * 10, N.pf[0] * 100, 0)
    return Unit(input_=image)


def dvh4013() -> Unit:
    """Refuses 20 to 23."""
    image = Image(dict.fromkeys(range(20), 0))
    image.put(0, "I", N.ptot * 10, 0, *(u * 100 for u in N.u), *(i * 1000 for i in N.i), N.pftot * 1000)
    image.put(18, "I", N.hz * 1000).put(0x4000, "I", 1234567).put(0x4100, "I", 1234)
    for address in (0x4020, 0x4040, 0x4060, 0x4120, 0x4140, 0x4160):
        image.put(address, "I", 400000)
    return Unit(holding=image)


def finder() -> Unit:
    """The 7M.38 with three phases."""
    image = Image(elsewhere="zero")
    image.put(2500, "f", *N.u).put(2516, "f", *N.i).put(2530, "f", *N.p, N.ptot, *N.q, N.qtot, *N.s, N.stot)
    image.put(2554, "f", *N.pf, N.pftot).put(2584, "f", N.hz).put(2752, "f", 1234567.0, 3456.0, 1200.0, 10.0)
    return Unit(input_=image)


def iem3155() -> Unit:
    """The block at 3000 with kilowatts and Wh."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys((*range(2999, 3112), *range(3203, 3231), *range(3517, 3529)), 0))
    image.put(2999, "f", *N.i).put(3009, "f", sum(N.i) / 3).put(3019, "f", *N.ull, sum(N.ull) / 3)
    image.put(3027, "f", *N.u).put(3035, "f", sum(N.u) / 3)
    image.put(3053, "f", *(p * K for p in (*N.p, N.ptot))).put(3067, "f", N.qtot * K).put(3075, "f", N.stot * K)
    image.put(3109, "f", N.hz).put(3203, "q", 1234567, 1234).put(3219, "q", 345678, 12)
    image.put(3517, "q", 400000, 410000, 424567)
    return Unit(holding=image)


def xintai() -> Unit:
    """A water meter; all bytes of a float the other way round."""
    image = Image(dict.fromkeys(range(1, 32), 0))
    image.put(1, "f", 1234.5, 0.25, 0.545, order="DCBA").put(7, "H", 0x00AA).put(10, "f", 0.35, 12.5, order="DCBA")
    image.put(14, "H", 1).put(26, "f", 3.6, order="DCBA").put(28, "H", 1, 10)
    return Unit(holding=image)


def sharky() -> Unit:
    """A heat meter: whole numbers, and each a second time as a float."""
    image = Image(dict.fromkeys(range(170), 0))
    image.put(0, "I", 12345).put(8, "f", 12345.6).put(10, "I", 890).put(18, "f", 890.25)
    image.put(20, "I", 14).put(28, "f", 14.2).put(30, "I", 0).put(38, "f", 0.52)
    image.put(40, "h", 65).put(46, "f", 64.8).put(48, "h", 41).put(54, "f", 41.3).put(56, "h", 24).put(
        62, "f", 23.5
    )
    image.put(165, "I", 44556677)
    return Unit(holding=image)


def sunspec() -> Unit:
    """Three-phase meter with whole numbers and scale factors, model 203."""
    image = Image(elsewhere="refused")
    image.words.update(dict.fromkeys(range(40000, 40182), 0))
    image.text(40000, "SunS", 2).put(40002, "H", 1, 66).text(40004, "Maker", 16).text(40020, "SM-3", 16)
    image.text(40052, "4711", 16)
    base = 40070
    image.put(base, "h", 203, 105, sum(N.i) * 100, *(i * 100 for i in N.i), -2)
    image.put(base + 7, "h", sum(N.u) * 10 / 3, *(u * 10 for u in N.u), sum(N.ull) * 10 / 3)
    image.put(base + 12, "h", *(u * 10 for u in N.ull), -1, N.hz * 100, -2, N.ptot, *N.p, 0)
    image.put(base + 23, "h", N.stot, *N.s, 0, N.qtot, *N.q, 0, N.pftot * 100, *(pf * 100 for pf in N.pf), 0)
    image.put(base + 38, "I", 1234, 0, 0, 0, 1234567, 0, 0, 0).put(base + 54, "h", 0)
    image.put(base + 107, "H", 0xFFFF, 0)
    return Unit(holding=image)


METERS = {
    "eastron-sdm630": sdm630,
    "eastron-sdm120": sdm120,
    "eastron-sdm72d-m-v2": sdm72_v2,
    "eltako-dsz15": dsz15,
    "carlo-gavazzi-em340": em340,
    "carlo-gavazzi-em24": em24,
    "carlo-gavazzi-em540": em540,
    "abb-b23": abb_b23,
    "abb-b21": abb_b21,
    "siemens-pac3200": pac3200,
    "siemens-pac1600": pac1600,
    "lovato-dmg610": dmg610,
    "janitza-umg96rm": janitza,
    "chint-dtsu666/tenths": dtsu666,
    "chint-dtsu666/plain": dtsu666_plain,
    "inepro-pro380": inepro,
    "kbr-f144": kbr,
    "socomec-countis-e24": socomec,
    "hager-ecr380d": hager,
    "camillebauer-aplus": aplus,
    "orno-we516": we516,
    "orno-we514": we514,
    "pzem-016": pzem,
    "dzg-dvh4013": dvh4013,
    "finder-7m38": finder,
    "schneider-iem3155": iem3155,
    "diehl-sharky-775": sharky,
    "xintai-water": xintai,
    "sunspec-meter": sunspec,
}
"""What each is -> how to make one."""
