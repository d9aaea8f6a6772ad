"""The report `cost`: what each meter and each tenant has to pay, line by line."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from monitor.figures import Cost, CostLine
from monitor.reports.meters import Asked, Notebook, by_key, change, clock, name_of
from monitor.reports.report import Chart, Column, Headline, Phrase, Report, Row, Section, Series

__all__ = ["cost"]

_MOST_BARS = 16
_LINE = "line_"


async def cost(asked: Asked) -> Report:
    """Make the report; meters without a tariff are named in a note."""
    book = Notebook()
    now = await _costs(asked, (asked.period.start, asked.end))
    before = await _costs(asked, asked.before)
    names = {device.id: name_of(device) for device in asked.meters}
    billed = {each.device for each in now}
    if missing := [names[device.id] for device in asked.meters if device.id not in billed]:
        book.note("without_tariff", meters=", ".join(missing))
    sections, headlines, charts = [], [], []
    for currency, costs in by_key(now, "currency").items():
        sections.append(_summary(asked, costs, names, currency, book))
        headlines += _headlines(costs, before, currency, is_running=asked.is_running)
        charts.append(_chart(costs, names, currency))
    for currency, costs in by_key(now, "currency").items():
        for tenant, those in by_key(costs, "tenant").items():
            sections.append(_invoice(asked, tenant, those, names, currency))
    if any(each.estimated for each in now):
        book.note("cost_estimated")
    if asked.is_running and now:
        book.note("cost_running", until=clock(asked.so_far, asked.zone))
    return asked.report(
        "cost",
        is_complete=all(each.is_complete for each in now) and bool(now),
        headlines=headlines,
        charts=charts,
        sections=sections,
        details=[_details(costs, names, currency) for currency, costs in by_key(now, "currency").items()],
        book=book,
    )


async def _costs(asked: Asked, span: tuple[int, int]) -> Sequence[Cost]:
    ids = [device.id for device in asked.meters]
    return await asked.book.costs(ids, *span) if ids and span[0] < span[1] else ()


def _money(name: str, currency: str) -> Column:
    return Column(name=name, unit=currency, kind="money", digits=2, align="right")


def _number(name: str, unit: str = "", digits: int = 0, kind: str = "number") -> Column:
    return Column(name=name, unit=unit, kind=kind, digits=digits, align="right")


def _sum(costs: Iterable[Cost]) -> Decimal:
    return sum((each.total for each in costs), Decimal(0))


def _summary(asked: Asked, costs: Sequence[Cost], names: dict[str, str], currency: str, book: Notebook) -> Section:
    """Each meter in one row, with the sum of each tenant and of all."""
    columns = (
        Column(name="meter"),
        Column(name="tenant"),
        Column(name="tariff"),
        _number("amount", digits=2),
        Column(name="unit", kind="unit"),
        _number("estimated", "%", 1, "percent"),
        _number("carbon", "kg", 1),
        _money("cost", currency),
    )
    rows, totals = [], []
    for tenant, those in by_key(costs, "tenant").items():
        for each in those:
            notes = () if each.is_complete else (book.footnote("cost_incomplete", meter=_name(each, names)),)
            cells = (
                _name(each, names),
                tenant,
                _tariff(asked, each),
                float(each.amount),
                each.unit,
                float(100 * each.estimated / each.amount) if each.amount else 0.0,
                float(each.carbon_kg),
                each.total,
            )
            rows.append(Row(cells=cells, device=each.device, notes=notes))
        said = Phrase("sum_tenant", {"what": tenant}) if tenant else Phrase("sum_no_tenant")
        totals.append(_total_row(those, said, "sum"))
    if len(totals) == 1:
        totals = []
    if len(rows) > 1:
        totals.append(_total_row(costs, Phrase("sum_all"), "total"))
    return Section(title=Phrase("cost_summary"), columns=columns, rows=tuple(rows), totals=tuple(totals))


def _total_row(costs: Sequence[Cost], said: Phrase, level: str) -> Row:
    carbon = float(sum((each.carbon_kg for each in costs), Decimal(0)))
    return Row(cells=("", "", "", "", "", "", carbon, _sum(costs)), level=level, said=said)


def _tariff(asked: Asked, each: Cost) -> str:
    known = asked.site.tariffs.get(each.tariff)
    return known.name or known.id if known is not None else each.tariff


def _name(each: Cost, names: dict[str, str]) -> str:
    return names.get(each.device, each.device)


def _lines(currency: str) -> tuple[Column, ...]:
    return (
        Column(name="meter"),
        Column(name="line", kind="line"),
        _number("quantity", digits=3),
        Column(name="unit", kind="unit"),
        Column(name="price", unit=currency, kind="money", digits=2, align="right"),
        _money("cost", currency),
    )


def _word(line: CostLine) -> str:
    """A band is named by the tariff; the other lines by what they are."""
    return line.name if line.what == "band" and line.name else f"{_LINE}{line.what}"


def _invoice(asked: Asked, tenant: str, costs: Sequence[Cost], names: dict[str, str], currency: str) -> Section:
    """Every line that a tenant pays."""
    rows, totals = [], []
    for each in costs:
        name = f"{_name(each, names)} ({_tariff(asked, each)})"
        for line in each.lines:
            cells = (name, _word(line), float(line.quantity), line.unit, line.price, line.cost)
            rows.append(Row(cells=cells, device=each.device))
        if len(costs) > 1 and len(each.lines) > 1:
            totals.append(_line_total(Phrase("sum_meter", {"what": name}), each.total, "sum"))
    said = Phrase("sum_tenant", {"what": tenant}) if tenant else Phrase("sum_no_tenant")
    totals.append(_line_total(said, _sum(costs), "total"))
    title = Phrase("invoice", {"tenant": tenant}) if tenant else Phrase("invoice_nobody")
    return Section(title=title, columns=_lines(currency), rows=tuple(rows), totals=tuple(totals))


def _line_total(said: Phrase, amount: Decimal, level: str) -> Row:
    return Row(cells=("", "", "", "", None, amount), level=level, said=said)


def _details(costs: Sequence[Cost], names: dict[str, str], currency: str) -> Section:
    columns = (
        Column(name="device"),
        Column(name="meter"),
        Column(name="tenant"),
        Column(name="tariff"),
        Column(name="start", kind="time"),
        Column(name="end", kind="time"),
        Column(name="line"),
        Column(name="band"),
        *_lines(currency)[2:],
    )
    rows = tuple(
        Row(
            cells=(
                *(each.device, _name(each, names), each.tenant, each.tariff, each.start, each.end),
                *(line.what, line.name, float(line.quantity), line.unit, line.price, line.cost),
            ),
            device=each.device,
        )
        for each in costs
        for line in each.lines
    )
    return Section(title=Phrase("cost_summary"), columns=columns, rows=rows)


def _headlines(
    costs: Sequence[Cost], before: Sequence[Cost], currency: str, *, is_running: bool
) -> list[Headline]:
    """The sum beside that of a year before, if the same meters were billed then, in the same money."""
    earlier = [each for each in before if each.currency == currency]
    is_same = {each.device for each in costs} == {each.device for each in earlier}
    is_whole = is_same and not is_running and all(each.is_complete for each in (*costs, *earlier))
    total, past = _sum(costs), _sum(earlier) if is_whole else None
    carbon = float(sum((each.carbon_kg for each in costs), Decimal(0)))
    guessed = any(each.estimated for each in costs)
    return [
        Headline(
            name=Phrase("cost"),
            value=total,
            unit=currency,
            digits=2,
            before=past,
            change=None if past is None else change(float(total), float(past)),
            remark=Phrase("headline_guessed") if guessed else None,
        ),
        Headline(name=Phrase("carbon"), value=carbon, unit="kg", digits=0),
    ]


def _chart(costs: Sequence[Cost], names: dict[str, str], currency: str) -> Chart:
    """What each tenant pays (where there are none: each meter), by the lines of the invoices."""
    has_tenants = len({each.tenant for each in costs}) > 1
    owners = [each.tenant if has_tenants else _name(each, names) for each in costs]
    sums: dict[str, dict[str, float]] = {}
    for owner, each in zip(owners, costs, strict=True):
        for line in each.lines:
            those = sums.setdefault(_word(line), {})
            those[owner] = those.get(owner, 0.0) + float(line.cost)
    greatest = sorted(set(owners), key=lambda one: -sum(those.get(one, 0.0) for those in sums.values()))
    labels = tuple(greatest[:_MOST_BARS])
    series = tuple(
        Series(name, tuple(those.get(one, 0.0) for one in labels), is_word=name.startswith(_LINE))
        for name, those in sums.items()
    )
    title = Phrase("chart_cost_tenant" if has_tenants else "chart_cost_meter")
    return Chart(kind="stack", title=title, unit=currency, labels=labels, series=series)
