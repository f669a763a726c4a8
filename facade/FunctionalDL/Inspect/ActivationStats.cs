using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Mean and standard deviation of the outputs of layers, for each batch of training: do activations vanish or explode? As a
/// callback of a <see cref="Learner"/> it watches its model; in a loop written by hand, <see cref="Watch"/> and dispose it. Steps
/// run uncompiled meanwhile, with the same bits.
/// </summary>
/// <param name="modules">What is watched; the layers with parameters of their own when not given.</param>
public sealed class ActivationStats(IEnumerable<Module>? modules = null) : Callback, IDisposable
{
    private readonly List<Hook> _hooks = [];
    private readonly List<(string Name, List<(double Mean, double Std)> Figures)> _layers = [];
    private readonly List<(int Layer, Tensor Mean, Tensor Std)> _pending = [];

    /// <inheritdoc/>
    public override bool LooksInside => true;

    /// <summary>The paths of the watched layers.</summary>
    public IReadOnlyList<string> Layers => [.. _layers.Select(layer => layer.Name)];

    /// <summary>
    /// The figures: <c>[2; layers; batches]</c>, the means and then the deviations (unbiased); a layer that was not called
    /// in all batches has NaN at the end.
    /// </summary>
    public Tensor Stats
    {
        get
        {
            Settle();
            var batches = _layers.Select(layer => layer.Figures.Count).DefaultIfEmpty(0).Max();

            double[] Rows(Func<(double Mean, double Std), double> of) =>
            [
                .. _layers.SelectMany(layer => Enumerable.Range(0, batches)
                    .Select(batch => batch < layer.Figures.Count ? of(layer.Figures[batch]) : double.NaN)),
            ];

            return Tensor.From([.. Rows(f => f.Mean), .. Rows(f => f.Std)], [2, _layers.Count, batches]);
        }
    }

    /// <summary>Watches a model until it is disposed.</summary>
    /// <param name="model">The model.</param>
    /// <returns>These statistics.</returns>
    public ActivationStats Watch(Module model)
    {
        var paths = model.NamedModules().ToDictionary(m => m.Module, m => m.Name);
        var watched = modules ?? paths.Keys.Where(m => m.NamedChildren().Count == 0 && m.Parameters().Count > 0);

        foreach (var module in watched.ToList())
        {
            var name = paths.GetValueOrDefault(module, module.TypeName);
            var layer = _layers.FindIndex(l => l.Name == name);

            if (layer < 0)
            {
                layer = _layers.Count;
                _layers.Add((name, []));
            }

            _hooks.Add(module.RegisterForwardHook((m, _, output) => See(m, layer, output)));
        }

        return this;
    }

    /// <inheritdoc/>
    public override Decision BeforeFit(FitContext fit)
    {
        Watch(fit.Model);
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision AfterBatch(FitContext fit)
    {
        Settle();
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision AfterFit(FitContext fit)
    {
        Dispose();
        return Decision.Continue;
    }

    /// <summary>Stops watching; the figures stay.</summary>
    public void Dispose()
    {
        Settle();
        _hooks.ForEach(hook => hook.Remove());
        _hooks.Clear();
    }

    /// <summary>Draws means and deviations by batches, a line for each layer.</summary>
    /// <param name="path">The SVG file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void Plot(string path)
    {
        Settle();
        Figure Drawn(string title, Func<(double Mean, double Std), double> of) => FigureModule.create(
            title,
            AxisModule.whole("batches"),
            AxisModule.named(title),
            _layers.Select(layer => TraceModule.line(
                layer.Name, layer.Figures.Select((_, batch) => batch + 1.0), layer.Figures.Select(of))));

        Svg.write(
            path, FigureModule.grid("Activations", 2, [Drawn("mean", f => f.Mean), Drawn("standard deviation", f => f.Std)]));
    }

    private void See(Module module, int layer, Tensor output)
    {
        if (module.Training)
        {
            // One call of a layer waits at a time: what it was computed from would otherwise pile up.
            if (_pending.Any(p => p.Layer == layer))
            {
                Settle();
            }

            var values = output.Detach();
            _pending.Add((layer, values.Mean(), values.Std()));
        }
    }

    /// <summary>Computes what waits, all layers together.</summary>
    private void Settle()
    {
        Fs.Evaluate(_pending.SelectMany(p => new[] { p.Mean.Inner, p.Std.Inner }));

        foreach (var (layer, mean, std) in _pending)
        {
            _layers[layer].Figures.Add((mean.Item(), std.Item()));
        }

        _pending.Clear();
    }
}
