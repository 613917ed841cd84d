// Comparing two versions: starting it on the category's page, and its progress on its own.
import { $, data, run, send, text } from './page.js';

const url = () => `/v1/galleries/${encodeURIComponent(data.category)}/comparison`;

export function compare() {
    const form = $('#compare');
    if (!form) return;
    form.onsubmit = (e) => {
        e.preventDefault();
        run($('button', form), '', async () => {
            const { a, b, count, good, defect } = form.elements,
                set = new FormData();
            for (const files of [good, defect]) for (const f of files.files) set.append(files.name, f, f.name);
            const sent = set.has('good') || set.has('defect');
            await send('POST', `${url()}?a=${a.value}&b=${b.value}&count=${count.value}`, sent ? set : null);
            location.href = `/galleries/${encodeURIComponent(data.category)}/comparison`;
        });
    };
}

export function comparison() {
    if (!data.running) return;
    const look = async () => {
        const { done, of, running } = await send('GET', url());
        if (!running) return location.reload();
        $('#progress span').textContent = text('Script.Progress', done, of);
        Object.assign($('#progress progress'), { max: of, value: done });
        setTimeout(look, 700);
    };
    look();
}
