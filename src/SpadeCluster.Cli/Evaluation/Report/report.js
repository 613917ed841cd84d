// A card's pictures, large: the photograph with its map, and the normal that the highest pixel of the map was matched with. The console's
// viewer.js is in front of this script.
const large = document.querySelector('dialog'), [photograph, normal] = large.querySelectorAll('svg');

function enlarge(card) {
  const [outlined, mapped, matched] = card.querySelectorAll('svg');
  const fill = (svg, from, ...more) => {
    svg.setAttribute('viewBox', from.getAttribute('viewBox'));
    svg.replaceChildren(...[...from.children, ...more].map(e => e.cloneNode(true)));
    svg.classList.remove('zoomed');
    zoomable(svg);
  };
  fill(photograph, mapped, ...outlined.querySelectorAll('.found'));
  fill(normal, matched);
  large.querySelector('h2').textContent = card.querySelector('h3').textContent;
  large.querySelector('p').textContent = card.querySelector('p').textContent;
  large.querySelector('.evidence').textContent = card.querySelector('.evidence').textContent;
  large.showModal();
  photograph.focus();
}

document.querySelector('main').addEventListener('click', e => {
  const views = e.target.closest('.views');
  if (views) enlarge(views.closest('article'));
});
for (const range of document.querySelectorAll('input[type=range]')) {
  range.oninput = () => {
    document.body.style.setProperty('--map', range.value);
    for (const other of document.querySelectorAll('input[type=range]')) other.value = range.value;
  };
}
