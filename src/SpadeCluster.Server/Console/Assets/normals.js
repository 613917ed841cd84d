// Photographs of good parts that are sent to a category.
import { $, element, tell, text } from './page.js';

// A request takes a limited number of files and bytes.
function chunks(files, most = 16, bytes = 32 << 20) {
    const all = [];
    let size = Infinity;
    for (const f of files) {
        if (size + f.size > bytes || all.at(-1).length >= most) {
            all.push([]);
            size = 0;
        }
        all.at(-1).push(f);
        size += f.size;
    }
    return all;
}

// While photographs are sent, the page must not be loaded again.
export let adding = false;

// Adding normals: the server answers one line when a photograph is durable. Thresholds are learned after the last.
export async function add(category, files) {
    const bar = $('#upload'),
        all = chunks(files);
    adding = true;
    Object.assign(bar, { hidden: false, max: files.length, value: 0 });
    $('#outcomes').replaceChildren();
    let failed = false;
    for (const [i, chunk] of all.entries()) failed = (await addChunk(category, chunk, i === all.length - 1)) || failed;
    return failed;
}

async function addChunk(category, files, calibrate) {
    const form = new FormData(),
        bar = $('#upload'),
        list = $('#outcomes');
    for (const f of files) form.append('image', f, f.name);
    const answer = await fetch(`/v1/galleries/${encodeURIComponent(category)}/images?calibrate=${calibrate}`, {
        method: 'POST',
        body: form,
    });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? text('Script.Answered', answer.status));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '',
        failed = false;
    for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split('\n');
        rest = lines.pop();
        for (const line of lines.map((l) => JSON.parse(l))) {
            if (line.status) {
                bar.value++;
                failed ||= line.status === 'failed';
                list.append(
                    element('li', {
                        textContent: line.problem ?? text('Script.Outcome', line.file, text(`Script.${line.status}`)),
                        className: line.status === 'failed' ? 'warn' : '',
                    }),
                );
            } else if (line.calibrated > 0 && line.of) {
                Object.assign(bar, { max: line.of, value: line.calibrated });
                tell(text('Script.Learning', line.calibrated, line.of));
            } else if (line.error) throw new Error(line.error);
            else tell(text('Script.VersionNow', line.version, line.added, line.images));
            list.scrollTop = list.scrollHeight;
        }
    }
    return failed;
}
