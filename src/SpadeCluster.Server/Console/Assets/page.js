// What all pages' scripts share: finding and making elements, asking the server, telling the person.
export const $ = (selector, from = document) => from.querySelector(selector);
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
export const data = $('[data-page]')?.dataset ?? {};

export function element(tag, properties = {}, ...children) {
    const e = Object.assign(document.createElement(tag), properties);
    e.append(...children);
    return e;
}

export function localTimes(from = document) {
    for (const t of $$('time[datetime]', from)) {
        const at = new Date(t.dateTime);
        t.title = at.toISOString();
        if ('full' in t.dataset) t.textContent = at.toLocaleString([], { dateStyle: 'medium', timeStyle: 'long' });
        else t.textContent = at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString() : at.toLocaleString();
    }
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone,
        offset = new Date().toLocaleTimeString([], { timeZoneName: 'longOffset' }).split(' ').at(-1);
    for (const z of $$('[data-zone]', from)) z.textContent = zone === 'UTC' ? zone : `${zone} (${offset})`;
}

export function tell(text, failed = false) {
    const message = $('#message');
    if (!message) return;
    message.textContent = text;
    message.className = failed ? 'warn' : '';
}

// Changes carry JSON, a file or a form, and come from this page: the server refuses those of other sites.
export async function send(method, url, body) {
    const file = body instanceof Blob,
        form = body instanceof FormData;
    const answer = await fetch(url, {
        method,
        headers: body && !form ? { 'Content-Type': file ? body.type : 'application/json' } : {},
        body: file || form ? body : body && JSON.stringify(body),
    });
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `the server answered ${answer.status}`);
}

export async function run(button, working, work) {
    button.disabled = true;
    tell(working);
    try {
        await work();
    } catch (e) {
        tell(e.message, true);
        button.disabled = false;
    }
}

export const why = (question) => {
    const text = prompt(question);
    return text?.trim() ? text.trim() : null;
};
