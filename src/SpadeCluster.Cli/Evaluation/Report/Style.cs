namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>The report's style sheet.</summary>
internal static class Style
{
    /// <summary>Colours are from Okabe and Ito's palette, which can be distinguished with every kind of colour vision.</summary>
    public const string Css = """
        :root{color-scheme:light dark;--ink:#1a1d21;--paper:#fff;--soft:#f2f4f6;--line:#d5dade;--dim:#5d6770;--good:#0072b2;
            --bad:#d55e00;--truth:#00d5ff;--found:#f0e442}
        @media(prefers-color-scheme:dark){:root{--ink:#e8eaec;--paper:#14171a;--soft:#1e2327;--line:#343b41;--dim:#9aa5ae;
            --good:#56b4e9;--bad:#ff8a3d}}
        body{--map:.8;margin:0;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
        header{position:sticky;top:0;z-index:2;display:flex;gap:2em;align-items:center;justify-content:space-between;
            padding:.5em 1.5em;background:var(--soft);border-bottom:1px solid var(--line)}
        h1{font-size:1.2em;margin:0}main{max-width:1500px;margin:auto;padding:0 1.5em 3em}
        .settings,.evidence,figcaption,.legend{color:var(--dim);font-size:.9em}
        .problem{color:var(--bad)}.figures{display:flex;flex-wrap:wrap;gap:.6em}
        .figures div{background:var(--soft);border-radius:8px;padding:.6em 1em;min-width:6.5em}
        .figures b{display:block;font-size:1.5em;font-variant-numeric:tabular-nums}.figures span{color:var(--dim);font-size:.85em}
        .charts{display:flex;flex-wrap:wrap;gap:1em;margin-top:1em}figure{margin:0;flex:1 1 300px;max-width:420px}figure svg{width:100%}
        svg text{font-size:11px;fill:var(--dim)}.grid{stroke:var(--line);stroke-width:.5}.axis{stroke:var(--dim)}
        .curve{fill:none;stroke-width:2}.curve.c0{stroke:var(--bad)}text.c0{fill:var(--bad)}.curve.c1{stroke:var(--good)}
        text.c1{fill:var(--good)}
        rect.good,i.good{fill:var(--good);background:var(--good)}rect.defect,i.defect{fill:var(--bad);background:var(--bad)}
        .threshold{stroke:var(--ink);stroke-dasharray:4 3}
        i{display:inline-block;width:.9em;height:.9em;margin-left:1em;vertical-align:-.1em}i.truth{background:var(--truth)}
        i.found{background:var(--found)}
        .recipes{border-collapse:collapse;margin-top:1em;font-variant-numeric:tabular-nums}.recipes a{color:inherit}
        .recipes th{color:var(--dim);font-weight:normal}.recipes th,.recipes td{padding:.3em .8em;border-bottom:1px solid var(--line);
            text-align:right}.recipes :is(th,td):nth-child(-n+2){text-align:left}
        .silos :is(th,td):nth-child(2){text-align:right}main>h1{padding-top:.8em}
        .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:1em}
        article{border:1px solid var(--line);border-left:6px solid var(--good);border-radius:8px;padding:.6em .8em}
        article.wrong{border-left-color:var(--bad);background:color-mix(in srgb,var(--bad) 8%,var(--paper))}
        h3{font-size:.95em;margin:0}article p{margin:.2em 0}article p span{color:var(--dim);font-size:.88em}
        .views{display:grid;grid-template-columns:repeat(3,1fr);gap:5px;align-items:start;width:100%;padding:0;border:0;background:none;
            cursor:zoom-in}
        .views svg{display:block;width:100%}.symbols{position:absolute}
        .map{opacity:var(--map);mix-blend-mode:screen}
        :is(.truth,.found,.mark){fill:none;stroke-width:1.5px;vector-effect:non-scaling-stroke}
        .truth{stroke:var(--truth)}.found{stroke:var(--found);stroke-dasharray:4 3}
        .mark{stroke:#fff;filter:drop-shadow(0 0 1px #000)}
        dialog{box-sizing:border-box;width:min(1400px,98vw);max-height:98vh;padding:.6em 1em;border:1px solid var(--line);
            border-radius:8px;color:var(--ink);background:var(--paper)}
        dialog::backdrop{background:#000a}dialog form{display:flex;justify-content:space-between;align-items:start;gap:1em}
        dialog h2{font-size:1.1em;margin:.2em 0;overflow-wrap:anywhere}dialog p{margin:.3em 0}.keys{color:var(--dim);font-size:.9em}
        .panes{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:.6em}.panes>div{position:relative}
        .panes svg{display:block;width:100%;max-height:70vh;background:#000;touch-action:pan-y;cursor:grab;user-select:none}
        .panes svg.zoomed{touch-action:none}.panes .zoom{position:absolute;right:.4em;bottom:.4em;margin:0;display:flex;gap:.3em}
        .zoom button,form button{font:inherit;min-width:2.4em;padding:.2em .6em;border:1px solid var(--line);border-radius:6px;
            color:var(--ink);background:var(--paper)}
        """;
}
