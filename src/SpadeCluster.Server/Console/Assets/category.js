// Categories as a whole: created, imported, renamed, deleted and restored.
import { $, $$, data, send, run, tell, text, why } from './page.js';
import { add } from './normals.js';

const at = (category) => `/v1/galleries/${encodeURIComponent(category)}`,
    pageOf = (category) => `/galleries/${encodeURIComponent(category)}`;

function submit(form, working, work) {
    if (!form) return;
    form.onsubmit = (e) => {
        e.preventDefault();
        run($('button', form), working, () => work(form.elements));
    };
}

function restore() {
    for (const b of $$('[data-undelete]'))
        b.onclick = () => {
            const reason = why(text('Script.WhyRestore', b.dataset.undelete));
            if (!reason) return;
            run(b, text('Script.Restoring'), async () => {
                await send('POST', `${at(b.dataset.undelete)}/undelete`, { reason });
                location.href = pageOf(b.dataset.undelete);
            });
        };
}

// The page of all categories.
export function categories() {
    restore();
    const create = $('#create');
    if (!create) return;
    submit(create, text('Script.AddingPhotographs'), async ({ name, photographs }) => {
        $('#drop').hidden = false;
        const failed = await add(name.value, [...photographs.files]);
        // A bad photograph stays on the page with its reason; the others are in the category.
        if (!failed) location.href = pageOf(name.value);
        else tell(text('Script.SomeFailed', name.value), true);
    });
    const chosen = $('#import').elements;
    chosen.snapshot.onchange = () => {
        // The server names a snapshot CATEGORY-VERSION.tar.
        chosen.name.value ||= chosen.snapshot.files[0]?.name.replace(/(-\d+)?\.tar$/, '') ?? '';
    };
    submit($('#import'), text('Script.Importing'), async ({ name, snapshot }) => {
        await send('PUT', `${at(name.value)}/snapshot`, new Blob([snapshot.files[0]], { type: 'application/x-tar' }));
        location.href = pageOf(name.value);
    });
}

// The page of one category.
export function category() {
    restore();
    submit($('#rename'), text('Script.Renaming'), async ({ name, reason }) => {
        await send('POST', `${at(data.category)}/rename`, { name: name.value, reason: reason.value });
        location.href = pageOf(name.value);
    });
    const form = $('#delete');
    if (!form) return;
    form.elements.name.oninput = () => ($('button', form).disabled = form.elements.name.value !== form.dataset.name);
    submit(form, text('Script.Deleting'), async ({ reason }) => {
        await send('DELETE', `${at(data.category)}?reason=${encodeURIComponent(reason.value)}`);
        location.href = '/galleries';
    });
}
