// Test sets: comparing and evaluating with them, and the progress of both on their pages.
import { $, $$, data, run, send, text } from './page.js';

const url = (what) => `/v1/galleries/${encodeURIComponent(data.category)}/${what}`,
    page = (what) => `/galleries/${encodeURIComponent(data.category)}/${what}`;

// The chosen files, those of a folder with their paths; null: none.
function testSet(form) {
    const set = new FormData();
    for (const input of $$('input[type=file]', form))
        for (const file of input.files) set.append(input.name, file, file.webkitRelativePath || file.name);
    return [...set.keys()].length ? set : null;
}

export function compare() {
    const form = $('#compare');
    if (!form) return;
    form.onsubmit = (e) => {
        e.preventDefault();
        run($('button', form), '', async () => {
            const { a, other, count } = form.elements;
            await send('POST', `${url('comparison')}?a=${a.value}&${other.value}&count=${count.value}`, testSet(form));
            location.href = page('comparison');
        });
    };
}

async function look(what) {
    const { done, of, running } = await send('GET', url(what));
    if (!running) return location.reload();
    $('#progress span').textContent = text('Script.Progress', done, of);
    Object.assign($('#progress progress'), { max: of, value: done });
    setTimeout(look, 700, what);
}

export function comparison() {
    if (data.running) look('comparison');
}

export function evaluation() {
    if (data.running) look('evaluation');
    const form = $('#evaluate');
    if (!form) return;
    form.onsubmit = (e) => {
        e.preventDefault();
        run($('button', form), text('Script.Sending'), async () => {
            const set = testSet(form);
            if (!set) throw new Error(text('Script.ChooseFiles'));
            await send('POST', url('evaluation'), set);
            location.href = page('evaluation');
        });
    };
}
