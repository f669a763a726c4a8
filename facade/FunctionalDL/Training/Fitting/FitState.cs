using FunctionalDL.Core;

namespace FunctionalDL.Fitting;

/// <summary>
/// Where a fit is, besides the core's state: what it was called with, what its epoch gave so far, and what callbacks remember.
/// </summary>
/// <param name="Rates">The learning rate of each layer group that the fit was called with.</param>
/// <param name="Trained">Items and loss of each batch that the epoch under way was trained on.</param>
/// <param name="Smoothed">The smoothed loss.</param>
/// <param name="Callbacks">What each callback remembers, by its name.</param>
internal sealed record FitState(
    IReadOnlyList<double> Rates,
    IReadOnlyList<(int Items, Core.Tensor Loss)> Trained,
    Smoothed Smoothed,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>> Callbacks)
{
    private const string RatesName = "fit.rates";
    private const string ItemsName = "fit.items";
    private const string LossesName = "fit.losses";
    private const string SmoothedName = "fit.smoothed";
    private const string CallbackPrefix = "callback.";

    /// <summary>The names of callbacks: of several with one name the second is <c>Name 2</c>.</summary>
    public static IEnumerable<(string Name, Callback Callback)> Named(IEnumerable<Callback> callbacks) =>
        callbacks.GroupBy(c => c.Name.Replace('.', '_')).SelectMany(group =>
            group.Select((callback, i) => (i == 0 ? group.Key : $"{group.Key} {i + 1}", callback)));

    /// <summary>All of it as named tensors.</summary>
    public IEnumerable<(string Name, Tensor Value)> ToTensors()
    {
        yield return (RatesName, Tensor.From([.. Rates]));
        yield return (ItemsName, Tensor.From([.. Trained.Select(t => (long)t.Items)]));
        yield return (LossesName, Tensor.From([.. Trained.Select(t => TensorModule.item(t.Loss))]));
        yield return (SmoothedName, Tensor.From([Smoothed.Beta, Smoothed.Sum, Smoothed.Count]));

        foreach (var (callback, memory) in Callbacks)
        {
            foreach (var (name, value) in memory)
            {
                yield return ($"{CallbackPrefix}{callback}.{name}", value);
            }
        }
    }

    /// <summary>Takes it out of named tensors; null where something is missing or of another form.</summary>
    public static FitState? Take(IDictionary<string, Tensor> tensors)
    {
        double[] Numbers(string name) => tensors.Remove(name, out var value) && value.Rank == 1 ? value.ToArray<double>() : [];
        var (rates, items, losses, smoothed) = (Numbers(RatesName), Numbers(ItemsName), Numbers(LossesName), Numbers(SmoothedName));
        var callbacks = new Dictionary<string, IReadOnlyDictionary<string, Tensor>>();

        foreach (var name in tensors.Keys.Where(name => name.StartsWith(CallbackPrefix, StringComparison.Ordinal)).ToList())
        {
            var parts = name.Split('.', 3);
            var memory = (Dictionary<string, Tensor>)(callbacks.GetValueOrDefault(parts[1]) ?? new Dictionary<string, Tensor>());
            memory[parts[^1]] = tensors[name];
            callbacks[parts[1]] = memory;
            tensors.Remove(name);
        }

        return rates.Length == 0 || items.Length != losses.Length || smoothed is not [var beta, var sum, var count]
            ? null
            : new FitState(
                rates,
                [.. items.Zip(losses, (n, loss) => ((int)n, Tensor.Scalar(loss, DType.Float64).Inner))],
                new Smoothed(beta, sum, (int)count),
                callbacks);
    }
}
