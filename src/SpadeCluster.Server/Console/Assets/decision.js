// One decision: the photograph with its map, the normal that a place of it was compared with, and feedback.
import { $, $$, data, fixed, precise, send, run, text, why } from './page.js';
import { gridOf, normalPicture, pointIn, shape, zoomable } from './viewer.js';

// Input pixels: half the side of the mark, and of what is shown around it.
const half = 14,
    around = 28;

const place = (rect, x, y) => {
    for (const [k, v] of Object.entries({ x: x - half, y: y - half, width: 2 * half, height: 2 * half })) rect.setAttribute(k, v);
};
const part = (svg, x, y) => svg.setAttribute('viewBox', `${x - around} ${y - around} ${2 * around} ${2 * around}`);

function photograph() {
    const [width, height] = [+data.width, +data.height],
        view = $('#view'),
        inMap = $('#in-map'),
        grid = gridOf(data.grid);
    let [atX, atY] = [width / 2, height / 2],
        normalSize = '',
        showNormal = null;
    const look = async (x, y) => {
        [atX, atY] = [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
        place($('#mark'), atX, atY);
        const onPhoto = new DOMPoint(atX, atY).matrixTransform(inMap.transform.baseVal.consolidate().matrix);
        showPhoto(onPhoto.x, onPhoto.y);
        try {
            const found = await send('GET', `/v1/results/${data.id}/evidence?x=${atX.toFixed(1)}&y=${atY.toFixed(1)}`);
            const { match_x: x, match_y: y, match_width: across, match_height: down } = found,
                whole = new Image();
            whole.src = `/v1/galleries/${encodeURIComponent(data.category)}/images/${found.image_id}/thumbnail`;
            const pictured = await whole.decode().then(
                () => true,
                () => false,
            );
            $('.hint')?.replaceChildren(text('Script.ClickOther'));
            $('#pair').hidden = false;
            part($('#patch-query'), atX, atY);
            $('#normal-frame').hidden = $('#pair').lastElementChild.hidden = !pictured;
            if (pictured) {
                if (normalSize !== (normalSize = `0 0 ${across} ${down}`)) {
                    $('#normal').setAttribute('viewBox', normalSize);
                    showNormal = zoomable($('#normal'));
                }
                for (const into of [$('#normal-picture'), $('#patch-normal')])
                    normalPicture(into, data.category, found.image_id, grid, across, down);
                part($('#patch-normal'), x, y);
                place($('#normal-mark'), x, y);
                showNormal(x, y);
            }
            $('#match-text').textContent = text(
                'Script.Match',
                fixed(atX, 0),
                fixed(atY, 0),
                found.copy ? text('Script.MatchCopy', found.copy, found.source) : found.source,
                fixed(x, 0),
                fixed(y, 0),
                precise(found.distance, 3),
                precise(found.map_value, 3),
                found.theta ? ` ${text('Script.MatchThreshold', precise(found.theta, 3))}` : '',
                pictured ? '.' : text('Script.MatchNoPicture'),
            );
        } catch (e) {
            $('#match-text').textContent = e.message;
        }
    };
    const showPhoto = zoomable(
        view,
        inMap
            ? {
                  tap: (e) => {
                      const p = pointIn(inMap, e);
                      if (p.x >= 0 && p.y >= 0 && p.x < width && p.y < height) look(p.x, p.y);
                  },
                  arrow: (dx, dy) => look(atX + 4 * dx, atY + 4 * dy),
                  key: (e) => e.key === 'Enter' && (look(atX, atY), true),
              }
            : {},
    );
    if (!inMap) return;
    $('#opacity').oninput = (e) => ($('#map').style.opacity = e.target.value / 100);
    if ($('#show-tiles')) {
        $('#tiles').append(...grid.corners(width, height).map(([x, y]) => shape('rect', { x, y, width: grid.width, height: grid.height })));
        $('#show-tiles').onchange = (e) => $('#tiles').classList.toggle('hidden', !e.target.checked);
    }
    // Where the map is highest, first.
    look(+data.peakX, +data.peakY);
}

export function decision() {
    if ($('#view')) photograph();
    for (const b of $$('[data-feedback]'))
        b.onclick = () =>
            run(b, text('Script.Working'), async () => {
                await send('POST', `/v1/results/${data.id}/feedback`, { kind: b.dataset.feedback });
                location.reload();
            });
    decide(data.id);
    for (const b of $$('[data-undo]'))
        b.onclick = () =>
            run(b, text('Script.Working'), async () => {
                await send('DELETE', `/v1/results/${data.id}/feedback/${b.dataset.undo}`);
                location.reload();
            });
}

// Feedback that waits: an engineer says yes or no.
export function decide(id) {
    const answer = (b, what, body) =>
        run(b, text('Script.Working'), async () => {
            await send('POST', `/v1/results/${b.dataset.decision ?? id}/feedback/${b.dataset[what]}/${what}`, body);
            location.reload();
        });
    for (const b of $$('[data-approve]')) b.onclick = () => answer(b, 'approve', {});
    for (const b of $$('[data-refuse]'))
        b.onclick = () => {
            const reason = why(text('Script.WhyRefuse'));
            if (reason) answer(b, 'refuse', { reason });
        };
}
