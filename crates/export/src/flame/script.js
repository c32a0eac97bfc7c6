'use strict';
(() => {
  const svg = document.documentElement, W = WIDTH, X = LEFT, C = COLUMN;
  const hint = document.getElementById('hint'), said = hint.textContent;
  const blocks = [...svg.querySelectorAll('.f')].map(g => {
    const [title, ...rest] = g.children;
    const rects = rest.filter(e => e.tagName === 'rect');
    let text = rest.find(e => e.matches('text:not(.e)'));
    if (!text) {
      text = document.createElementNS(svg.namespaceURI, 'text');
      text.setAttribute('y', +rects[0].getAttribute('y') + 12.5);
      g.append(text);
    }
    const spans = rects.map(r => [+r.getAttribute('x'), +r.getAttribute('width')]);
    const [x, w] = spans[0], y = +rects[0].getAttribute('y');
    return { g, rects, spans, x, w, y, text, kids: [...text.childNodes], end: rest.find(e => e.matches('.e')),
      lines: title.textContent.split('\n') };
  });
  const zoom = to => {
    const at = v => X + Math.min(W, Math.max(0, (v - to.x) * W / to.w));
    for (const b of blocks) {
      b.rects.forEach((r, i) => {
        const [x, w] = b.spans[i];
        r.setAttribute('x', at(x));
        r.setAttribute('width', at(x + w) - at(x));
      });
      const x = at(b.x), w = at(b.x + b.w) - x, n = Math.floor((w - 10) / C), [name, place] = b.lines;
      b.g.style.display = w > 0.1 ? '' : 'none';
      b.g.classList.toggle('up', b.y < to.y);
      b.text.setAttribute('x', x + 5);
      if (to === blocks[0]) b.text.replaceChildren(...b.kids);
      else b.text.textContent = n < 3 ? '' : name.length > n ? name.slice(0, n - 1) + '…'
        : name.length + place.length + 22 < n ? name + '  ' + place : name;
      if (b.end) {
        b.end.setAttribute('x', x + w - 5);
        b.end.style.display = to === blocks[0] || n > name.length + b.end.textContent.length + 1 ? '' : 'none';
      }
    }
  };
  const find = word => {
    let seen = 0, until = -1;
    for (const b of blocks) {
      const hit = word && (b.lines[0] + '\n' + b.lines[1]).toLowerCase().includes(word.toLowerCase());
      b.g.classList.toggle('d', !!word && !hit);
      if (hit && b.x >= until - 0.01) { seen += b.w; until = b.x + b.w; }
    }
    hint.textContent = word ? `“${word}”: ${(seen / W * 100).toFixed(1)} % of the time` : said;
  };
  const ask = () => find(prompt('Function or file to look for'));
  for (const b of blocks) {
    b.g.addEventListener('click', () => zoom(b));
    b.g.addEventListener('mouseenter', () => { hint.textContent = b.lines.join('  ·  '); });
    b.g.addEventListener('mouseleave', () => { hint.textContent = said; });
  }
  const link = hint.cloneNode();
  link.id = 'find';
  link.textContent = 'search';
  link.setAttribute('x', X + W);
  link.setAttribute('text-anchor', 'end');
  link.classList.add('a');
  link.addEventListener('click', ask);
  svg.append(link);
  addEventListener('keydown', e => {
    if (e.key === 'Escape') { find(''); zoom(blocks[0]); }
    if (e.key === '/') { e.preventDefault(); ask(); }
  });
})();
