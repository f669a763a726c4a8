using System.Text.Json;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>What a <see cref="TabularModel"/> is made with, as plain data for files.</summary>
internal sealed record TabularOptions(
    int[][] EmbSzs,
    int NCont,
    int OutSz,
    int[] Layers,
    double[] Ps,
    double EmbDrop,
    double[]? YRange,
    bool UseBn,
    bool BnFinal)
{
    /// <summary>The same for the core.</summary>
    public TabularSpec Spec => new(
        Fs.List(EmbSzs.Select(e => Tuple.Create(e[0], e[1]))),
        NCont,
        OutSz,
        Fs.List(Layers),
        Fs.List(Ps),
        EmbDrop,
        Fs.Option(YRange is [var low, var high] ? Tuple.Create(low, high) : null),
        UseBn,
        BnFinal);

    public string ToJson() => JsonSerializer.Serialize(this);

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    /// <param name="path">The file that it was in, for messages.</param>
    /// <param name="json">The text.</param>
    public static TabularOptions FromJson(string path, string json)
    {
        try
        {
            var options = JsonSerializer.Deserialize<TabularOptions>(json);

            return options is { EmbSzs: not null, Layers: not null, Ps: not null } && options.EmbSzs.All(e => e is [_, _])
                ? options
                : throw new JsonException("something is missing");
        }
        catch (JsonException error)
        {
            throw new Data.DataException(
                path, $"its network for tables cannot be read ({error.Message})", "export the learner again", error);
        }
    }

    public TabularModel Model() => new(
        [.. EmbSzs.Select(e => (e[0], e[1]))],
        NCont,
        OutSz,
        Layers,
        Ps,
        EmbDrop,
        YRange is [var low, var high] ? (low, high) : null,
        UseBn,
        BnFinal);
}
