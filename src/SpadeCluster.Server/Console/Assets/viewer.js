// Pictures that can be zoomed and moved, by mouse, touch and keyboard: an SVG shows the part that its viewBox names. The report of
// `spade evaluate` has this script too, so it imports nothing.

const smallest = 16,
    step = 1.5,
    still = 5;

export function shape(name, attributes = {}) {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
}

// Where on the screen something happened, in the coordinates of an element of the picture.
export const pointIn = (e, { clientX, clientY }) => new DOMPoint(clientX, clientY).matrixTransform(e.getScreenCTM().inverse());

const limit = (value, low, high) => Math.min(Math.max(value, low), high);

// tap(event): a click or touch that did not move. arrow(dx, dy): an arrow key without shift. draw(phase, event): takes the place of
// moving the picture with one finger or the mouse; phases are start, move and cancel. key(event): any other key; true: it was used.
export function zoomable(svg, { tap, arrow, draw, key } = {}) {
    const [width, height] = svg.getAttribute('viewBox').split(' ').slice(2).map(Number);
    const pointers = new Map();
    let [x, y, w] = [0, 0, width],
        first = null,
        moved = false;
    const tall = () => (w * height) / width;
    const show = (left, top, across) => {
        w = limit(across, Math.min(width, smallest), width);
        [x, y] = [limit(left, 0, width - w), limit(top, 0, height - tall())];
        svg.setAttribute('viewBox', `${x} ${y} ${w} ${tall()}`);
        svg.classList.toggle('zoomed', w < width);
    };
    const zoom = (factor, px = x + w / 2, py = y + tall() / 2) => {
        const across = limit(w / factor, Math.min(width, smallest), width);
        show(px - ((px - x) * across) / w, py - ((py - y) * across) / w, across);
    };
    svg.onpointerdown = (e) => {
        if (e.button) return;
        svg.setPointerCapture(e.pointerId);
        pointers.set(e.pointerId, e);
        if (pointers.size > 1) {
            moved = true;
            draw?.('cancel', e);
        } else {
            [first, moved] = [e, false];
            draw?.('start', e);
        }
    };
    svg.onpointermove = (e) => {
        const before = pointers.get(e.pointerId);
        if (!before) return;
        if (pointers.size === 2) {
            const other = [...pointers].find(([id]) => id !== e.pointerId)[1];
            const apart = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
            const middle = pointIn(svg, { clientX: (e.clientX + other.clientX) / 2, clientY: (e.clientY + other.clientY) / 2 });
            zoom(apart(e) / Math.max(1, apart(before)), middle.x, middle.y);
        } else {
            // A click moves the pointer a little.
            if (!moved && Math.hypot(e.clientX - first.clientX, e.clientY - first.clientY) < still) return;
            moved = true;
            const [from, to] = [pointIn(svg, before), pointIn(svg, e)];
            if (draw) draw('move', e);
            else show(x + from.x - to.x, y + from.y - to.y, w);
        }
        pointers.set(e.pointerId, e);
    };
    svg.onpointerup = svg.onpointercancel = (e) => {
        const here = pointers.delete(e.pointerId);
        if (here && !moved && e.type === 'pointerup') tap?.(e);
    };
    svg.onwheel = (e) => {
        // Until the picture is looked at, the wheel moves the page.
        if (!e.ctrlKey && document.activeElement !== svg) return;
        e.preventDefault();
        const p = pointIn(svg, e);
        zoom(Math.exp(-e.deltaY / 400), p.x, p.y);
    };
    svg.onkeydown = (e) => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
        if (e.key === '+' || e.key === '=') zoom(step);
        else if (e.key === '-') zoom(1 / step);
        else if (e.key === '0') show(0, 0, width);
        else if (way && (e.shiftKey || !arrow)) show(x + (way[0] * w) / 8, y + (way[1] * tall()) / 8, w);
        else if (way) arrow(...way);
        else if (!key?.(e)) return;
        e.preventDefault();
    };
    for (const b of svg.parentElement.querySelectorAll('[data-zoom]'))
        b.onclick = () => (b.dataset.zoom === 'fit' ? show(0, 0, width) : zoom(b.dataset.zoom === 'in' ? step : 1 / step));
    // Shows a point in the middle of a part that is `across` pixels wide; without a width, moves only if the point is out of sight.
    return (px, py, across) => {
        const seen = px >= x && py >= y && px <= x + w && py <= y + tall();
        if (across || !seen) show(px - (across ?? w) / 2, py - ((across ?? w) * height) / width / 2, across ?? w);
    };
}

// A grid of tiles as the page names it, all in pixels of the network's input.
export function gridOf(text) {
    const [columns, rows, width, height, overlap, pictures] = text.split(',').map(Number);
    const [across, down] = [width + (columns - 1) * (width - overlap), height + (rows - 1) * (height - overlap)];
    // Left upper corners on a photograph that covers so much of the grid.
    const corners = (frameWidth, frameHeight) =>
        Array.from({ length: columns * rows }, (_, t) => [
            (t % columns) * (width - overlap) - Math.floor((across - frameWidth) / 2),
            Math.floor(t / columns) * (height - overlap) - Math.floor((down - frameHeight) / 2),
        ]);
    return { count: columns * rows, width, height, pictures: pictures > 0, corners };
}

// A normal's picture in a frame of input pixels: its tiles', where they are kept, else that of the whole.
export function normalPicture(into, category, id, grid, width, height) {
    const url = `/v1/galleries/${encodeURIComponent(category)}/images/${id}/thumbnail`;
    const picture = (href, x, y, w, h) => shape('image', { href, x, y, width: w, height: h, preserveAspectRatio: 'none' });
    const tiles = grid.pictures
        ? grid.corners(width, height).map(([x, y], t) => picture(`${url}?tile=${t}`, x, y, grid.width, grid.height))
        : [];
    into.replaceChildren(picture(url, 0, 0, width, height), ...tiles);
}
