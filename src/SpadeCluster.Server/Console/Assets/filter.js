// Filters of decisions: a person enters local times, the address has instants, so that it means the same in every time zone.
import { $, $$ } from './page.js';

const local = (at) => new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

export function results() {
    const form = $('[data-page=results]');
    for (const input of $$('[data-instant]', form)) {
        const instant = form.elements[input.dataset.instant],
            at = new Date(instant.value);
        if (!isNaN(at)) input.value = local(at);
        input.onchange = () => (instant.value = input.value ? new Date(input.value).toISOString().replace('.000', '') : '');
    }
    // Only what was chosen belongs to the address.
    form.onsubmit = () => {
        for (const control of form.elements) if (control.name && !control.value) control.disabled = true;
    };
    addEventListener('pageshow', () => {
        for (const control of form.elements) control.disabled = false;
    });
}
