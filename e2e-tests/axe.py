"""axe-core on the page that is open: what people who cannot see, hear or point would stumble over."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

SOURCE = Path(__file__).parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
# What moves is looked at when it has come to rest: half faded in, every colour is too pale.
# Of a long table the first rows: the others are made in the same way.
RUN = """async () => {
    const moves = one => one.playState === 'running' && one.effect?.getComputedTiming().endTime !== Infinity;
    for (let still = 0; still < 3; still = document.getAnimations().some(moves) ? 0 : still + 1) await new Promise(requestAnimationFrame);
    const found = await axe.run({ include: document, exclude: 'tbody tr:nth-child(n+9)' }, { resultTypes: ['violations'] });
    return found.violations.map(one => ({ id: one.id, impact: one.impact, nodes: one.nodes.map(node => `${node.html.slice(0, 160)} ${node.any.concat(node.all, node.none).map(each => each.message).join(' ').slice(0, 260)}`) }));
}"""  # noqa: E501


async def violations(page: Page) -> list[str]:
    """The serious and critical violations on this page."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(SOURCE.read_text(encoding="utf-8"))
    found = await page.evaluate(RUN)
    return [
        f"{one['impact']} {one['id']}: {len(one['nodes'])} places, first: {one['nodes'][0]}"
        for one in found
        if one["impact"] in GRAVE
    ]
