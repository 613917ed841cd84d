// The inspected region: drawn over a normal's picture, in pixels of the network's input, and sent as a mask.
import { $, $$, data, send, run, tell, text, why } from './page.js';
import { gridOf, normalPicture, pointIn, shape, zoomable } from './viewer.js';

export function region() {
    const view = $('#region-view');
    if (!view) return;
    const numbers = (list) => list.split(',').map(Number),
        { grid, frame, canvas, offset, photo } = $('#region').dataset;
    const [width, height] = numbers(frame),
        url = `/v1/galleries/${encodeURIComponent(data.category)}/region`;
    const choose = $('#region-normal'),
        picture = () => normalPicture($('#region-picture'), data.category, choose.value, gridOf(grid), width, height);
    choose.onchange = picture;
    picture();
    const tools = $$('[data-tool]');
    if (tools.length === 0) return void zoomable(view);

    // Each shape: its points, and for brush and eraser the line's width. Later ones lie over earlier ones.
    const shapes = [];
    let tool = 'box',
        open = null;
    const show = () => {
        $('#shapes').replaceChildren(
            ...shapes.map((s) => {
                const points = s.points.map((p) => p.join()).join(' '),
                    colour = s.tool === 'eraser' ? '#000' : '#fff';
                return s.line
                    ? shape('polyline', {
                          points,
                          fill: 'none',
                          stroke: colour,
                          'stroke-width': s.line,
                          'stroke-linecap': 'round',
                          'stroke-linejoin': 'round',
                      })
                    : shape('polygon', { points, fill: colour });
            }),
        );
        $('#drawn-edges').replaceChildren(
            ...shapes.filter((s) => !s.line).map((s) => shape('polygon', { points: s.points.map((p) => p.join()).join(' ') })),
        );
        for (const b of $$('[data-drawn]')) b.disabled = shapes.length === 0;
    };
    const begin = (points, line) => {
        shapes.push((open = { tool, points, line }));
        show();
    };
    const box = ([ax, ay], [bx, by]) => [
        [ax, ay],
        [bx, ay],
        [bx, by],
        [ax, by],
    ];
    const at = (e) => {
        const p = pointIn(view, e);
        return [Math.min(Math.max(p.x, 0), width), Math.min(Math.max(p.y, 0), height)];
    };
    let from = null;
    zoomable(view, {
        tap: (e) => {
            if (tool === 'polygon') {
                if (open) open.points.push(at(e));
                else begin([at(e)]);
                show();
            } else if (tool !== 'box') {
                const [x, y] = at(e);
                begin(
                    [
                        [x, y],
                        [x + 0.1, y],
                    ],
                    (+$('#brush').value / 100) * width,
                );
                open = null;
            }
        },
        draw: (phase, e) => {
            if (tool === 'polygon') return;
            if (phase === 'start') [from, open] = [at(e), null];
            else if (phase === 'cancel') {
                if (open) shapes.pop();
                [from, open] = [null, null];
                show();
            } else if (from && !open)
                begin(tool === 'box' ? box(from, at(e)) : [from, at(e)], tool === 'box' ? 0 : (+$('#brush').value / 100) * width);
            else if (open) {
                if (tool === 'box') open.points = box(from, at(e));
                else open.points.push(at(e));
                show();
            }
        },
        key: (e) => e.key === 'Enter' && open !== null && ((open = null), true),
    });
    for (const b of tools)
        b.onclick = () => {
            [tool, open] = [b.dataset.tool, null];
            for (const other of tools) other.setAttribute('aria-pressed', other === b);
        };
    $('#region-undo').onclick = () => {
        shapes.pop();
        open = null;
        show();
    };

    // Where photographs are cut after resizing, the mask is of the whole.
    const [across, down] = numbers(canvas),
        [left, top] = numbers(offset),
        [photoWidth, photoHeight] = numbers(photo);
    $('#region-box').onsubmit = (e) => {
        e.preventDefault();
        const [x, y, w, h] = numbers(e.target.box.value);
        if (!(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= photoWidth && y + h <= photoHeight))
            return tell(text('Script.BoxForm', photoWidth, photoHeight), true);
        tool = 'box';
        const point = (px, py) => [(px * across) / photoWidth - left, (py * down) / photoHeight - top];
        begin(box(point(x, y), point(x + w, y + h)), 0);
        open = null;
        tell('');
    };
    const mask = () => {
        const drawing = Object.assign(document.createElement('canvas'), { width: across, height: down }),
            c = drawing.getContext('2d');
        c.fillRect(0, 0, across, down);
        c.translate(left, top);
        [c.lineCap, c.lineJoin] = ['round', 'round'];
        for (const s of shapes) {
            c.fillStyle = c.strokeStyle = s.tool === 'eraser' ? '#000' : '#fff';
            c.beginPath();
            for (const p of s.points) c.lineTo(...p);
            if (s.line) {
                c.lineWidth = s.line;
                c.stroke();
            } else c.fill();
        }
        return new Promise((resolve) => drawing.toBlob(resolve, 'image/png'));
    };
    const change = (b, method, question, body) => {
        const reason = why(question);
        if (reason)
            run(b, text('Script.Working'), async () => {
                await send(method, `${url}?name=drawn.png&reason=${encodeURIComponent(reason)}`, await body?.());
                location.reload();
            });
    };
    $('#region-save').onclick = (e) => change(e.currentTarget, 'PUT', text('Script.WhyRegion'), mask);
    if ($('#region-none'))
        $('#region-none').onclick = (e) => change(e.currentTarget, 'DELETE', text('Script.WhyWhole'));
    show();
}
