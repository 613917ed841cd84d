// The console's script. The server renders whole pages; this changes parts of them while they are open.
import { $, $$, data, element, fixed, localTimes, precise, tell, text, send, run, why } from './page.js';
import { categories, category } from './category.js';
import { decision, decide } from './decision.js';
import { add, adding } from './normals.js';
import { region } from './region.js';
import { compare, comparison, evaluation } from './compare.js';
import { results } from './filter.js';

// Live: newest decisions of each line.
const signs = { defect: '\u25B2', review: '\u25C6', good: '\u25CF' };
const verdict = (d) => [d.score.verdict ?? 'none', signs[d.score.verdict] ?? '\u25CB', text(`Verdict.${d.score.verdict ?? 'none'}`)];

function card(d) {
    const [kind, sign, word] = verdict(d);
    const image = d.pictures
        ? element('img', { src: `/v1/results/${d.id}/input.png`, alt: '', width: 112, height: 112 })
        : element('span', { className: 'noimage', textContent: text('Script.NoPicture') });
    const time = element('time', { dateTime: d.time });
    const a = element(
        'a',
        { className: `card new ${kind}`, href: `/results/${d.id}` },
        image,
        element('b', {}, element('i', { textContent: sign }), ` ${word}`),
        element('span', { className: 'score', textContent: d.score.pred_score == null ? '-' : fixed(d.score.pred_score, 2) }),
        element('span', { className: 'dim' }, `${d.score.category} \u00B7 `, time),
    );
    if (d.serial_number) a.append(element('span', { className: 'dim serial', textContent: d.serial_number }));
    localTimes(a);
    return a;
}

// Notices are shown as the server writes them, in the page's language. Many changes at once cause one request.
let looking = 0;
function lookForNotices() {
    clearTimeout(looking);
    looking = setTimeout(async () => {
        const answer = await fetch('/').catch(() => null);
        if (!answer?.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        $('#notices').replaceChildren(...$('#notices', page).children);
    }, 200);
}

function live() {
    const show = (d) => {
        const [kind, sign, word] = verdict(d);
        let line = $$('.line').find((l) => l.dataset.line === d.line);
        if (!line) {
            line = element(
                'section',
                { className: 'line' },
                element('h2', { textContent: d.line }),
                element('div', { className: 'verdict' }),
                element('div', { className: 'cards' }),
            );
            line.dataset.line = d.line;
            $('#lines').append(line);
            $('#empty')?.classList.add('hidden');
        }
        const shown = $('.verdict', line);
        shown.className = `verdict ${kind}`;
        shown.replaceChildren(element('i', { textContent: sign }), ' ', element('span', { textContent: word }));
        const cards = $('.cards', line);
        if (!$(`[href="/results/${d.id}"]`, cards)) cards.prepend(card(d));
        while (cards.children.length > 12) cards.lastChild.remove();
    };
    // After a break the browser says which event was its last, and the server sends what was missed.
    const events = new EventSource('/v1/results/live');
    events.onopen = () => ($('#connection').textContent = text('Script.Connected'));
    events.onerror = () => {
        $('#connection').textContent = text('Script.ConnectionLost');
        // Refused for good, as by a proxy in front of a server that starts: the whole page anew.
        if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
    };
    events.addEventListener('decision', (e) => show(JSON.parse(e.data)));
    events.addEventListener('notice', lookForNotices);
}

function gallery() {
    const url = `/v1/galleries/${encodeURIComponent(data.category)}`,
        drop = $('#drop');
    if (drop) {
        const start = (files) =>
            files.length &&
            add(data.category, files)
                .then((failed) => failed || location.reload())
                .catch((e) => tell(e.message, true));
        $('#files').onchange = (e) => start([...e.target.files]);
        drop.ondragover = (e) => {
            e.preventDefault();
            drop.classList.add('over');
        };
        drop.ondragleave = () => drop.classList.remove('over');
        drop.ondrop = (e) => {
            e.preventDefault();
            drop.classList.remove('over');
            start([...e.dataTransfer.files]);
        };
    }
    const change = (b, action, body) =>
        run(b, text('Script.Working'), async () => {
            await send('POST', `${url}/${action}`, body);
            location.reload();
        });
    decide();
    region();
    category();
    compare();
    for (const b of $$('[data-accept]'))
        b.onclick = () => {
            const reason = why(text('Script.WhyGood'));
            if (reason) change(b, 'accept', { images: [b.dataset.accept], reason });
        };
    for (const b of $$('[data-retire]'))
        b.onclick = () => {
            const reason = why(text('Script.WhyRetire'));
            if (reason) change(b, 'retire', { images: [b.dataset.retire], reason });
        };
    for (const b of $$('[data-rollback]'))
        b.onclick = () => {
            const reason = why(b.dataset.why ?? text('Script.WhyRollBack', b.dataset.rollback));
            if (reason) change(b, 'rollback', { version: +b.dataset.rollback, reason });
        };
    for (const b of $$('[data-shadow]')) b.onclick = () => change(b, 'shadow', { version: +b.dataset.shadow });
    if ($('#trial-begin'))
        $('#trial-begin').onclick = (e) => {
            const reason = why(text('Script.WhatTried'));
            if (reason) change(e.currentTarget, 'trial', { reason });
        };
    if ($('#shadow-end'))
        $('#shadow-end').onclick = (e) =>
            run(e.currentTarget, text('Script.Working'), async () => {
                await send('DELETE', `${url}/shadow`);
                location.reload();
            });
    let alpha = +($('#calibrate')?.dataset.alpha ?? 0);
    if ($('#calibrate')) $('#calibrate').onclick = (e) => change(e.currentTarget, 'calibrate', alpha ? { alpha } : {});
    let theta = 0;
    if ($('#set-theta')) $('#set-theta').onclick = (e) => change(e.currentTarget, 'calibrate', { options: { theta } });
    if ($('#estimate-theta')) $('#estimate-theta').onclick = (e) => change(e.currentTarget, 'calibrate', { options: { theta: 0 } });
    if ($('#slider')) threshold((a, t) => ([alpha, theta] = [a, t]));
    if (data.calibrating === 'True' || data.calibrating === '') {
        const look = async () => {
            const { calibrating } = await send('GET', url);
            if (adding) return;
            if (!calibrating || calibrating.problem) return location.reload();
            const bar = $('#calibrating progress');
            if (bar && calibrating.of) Object.assign(bar, { max: calibrating.of, value: calibrating.done });
            setTimeout(look, 700);
        };
        if ($('#calibrating')) look();
    }
}

// What another threshold would have decided: all scores are in the page, so it answers at once.
function threshold(chosen) {
    const slider = $('#slider'),
        { theta: now, normals, decisions, ids, said } = slider.dataset;
    const [n, d, i, s] = [JSON.parse(normals), JSON.parse(decisions), JSON.parse(ids), said.split(',')],
        theta = +now;
    const all = [...n, ...d, theta].filter((v) => v > 0),
        low = Math.min(...all) * 0.9,
        high = Math.max(...all) * 1.1;
    const value = (share) => low * (high / low) ** share,
        share = (v) => Math.log(v / low) / Math.log(high / low),
        input = $('#theta');
    const svg = $('.histogram', slider),
        line = document.createElementNS(svg.namespaceURI, 'path');
    line.setAttribute('class', 'tried');
    svg.append(line);
    const [good, defect] = ['good', 'defect'].map((v) => `${signs[v]} ${text(`Verdict.${v}`)}`);
    const show = () => {
        const tried = Math.abs(input.value / 1000 - share(theta)) < 0.001 ? theta : value(input.value / 1000);
        const above = (list) => list.filter((v) => v > tried).length;
        // The share of normals that this threshold would reject, by the conformal estimate: (rejected + 1) / (normals + 1).
        const rejected = above(n),
            rate = Math.min(0.5, Math.max((rejected + 1) / (n.length + 1), 1 / (n.length + 1)));
        $('#try-theta').textContent = precise(tried, 4);
        $('#try-defects').textContent = above(d);
        $('#try-normals').textContent = rejected;
        $('#try-wrong').textContent = s.filter((word, k) => (word === 'g' && d[k] > tried) || (word === 'd' && d[k] <= tried)).length;
        if ($('#try-alpha')) $('#try-alpha').textContent = `${fixed(100 * rate, 1)} %`;
        if ($('#set-to')) $('#set-to').textContent = precise(tried, 4);
        chosen(rate, tried);
        const changed = d
            .map((v, k) => [v, i[k]])
            .filter(([v]) => v > tried !== v > theta)
            .slice(0, 24);
        $('#changed').replaceChildren(
            ...changed.map(([v, id]) =>
                element(
                    'li',
                    {},
                    element('a', {
                        href: `/results/${id}`,
                        textContent: `${id}: ${v > tried ? `${good} \u2192 ${defect}` : `${defect} \u2192 ${good}`}`,
                    }),
                ),
            ),
        );
        const x = 8 + (600 - 16) * Math.min(1, Math.max(0, share(tried)));
        line.setAttribute('d', `M${x} 0V140`);
    };
    input.value = Math.round(1000 * share(theta));
    input.oninput = show;
    show();
}

function keys() {
    $('#key-new').onsubmit = (e) => {
        e.preventDefault();
        const f = e.target;
        run($('button', f), '', async () => {
            const made = await send('POST', '/v1/keys', {
                name: f.name.value,
                role: f.role.value,
                categories: f.categories.value.split(',').filter((c) => c),
                days: f.days.value ? Number(f.days.value) : null,
            });
            $('#key-made').replaceChildren(`${text('Script.CopyKey')} `, element('code', { textContent: made.key }));
        });
    };
    for (const b of $$('[data-revoke]'))
        b.onclick = () =>
            run(b, '', async () => {
                await send('DELETE', `/v1/keys/${b.dataset.revoke}`);
                location.reload();
            });
}

function system() {
    setInterval(async () => {
        const state = await send('GET', '/v1/state').catch(() => null);
        if (!state) return;
        for (const b of $$('[data-state]')) {
            const v = b.dataset.state.split('.').reduce((o, k) => o?.[k], state);
            b.textContent = b.dataset.unit === 'MB' ? Math.round(v / 1048576) : Number.isInteger(v) ? v : fixed(v, v < 10 ? 2 : 0);
        }
    }, 2000);
}

localTimes();
({ live, decision, gallery, comparison, evaluation, categories, system, keys, results })[data.page]?.();
