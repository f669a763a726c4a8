using System.Globalization;

namespace FunctionalDL;

/// <summary>Options as Python prints them, so that networks print as PyTorch's.</summary>
internal static class Repr
{
    /// <summary><c>0.1</c>, <c>1.0</c>, <c>1e-05</c>.</summary>
    public static string Of(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e');
        return text.AsSpan().IndexOfAnyExcept("-0123456789") < 0 ? text + ".0" : text;
    }

    /// <summary><c>None</c> for no value.</summary>
    public static string Of(double? value) => value is { } number ? Of(number) : "None";

    /// <summary><c>(3, 3)</c>, or <c>(3,)</c> for one.</summary>
    public static string Tuple(IEnumerable<int> values)
    {
        var texts = values.Select(value => value.ToString(CultureInfo.InvariantCulture)).ToList();
        return texts.Count == 1 ? $"({texts[0]},)" : $"({string.Join(", ", texts)})";
    }

    /// <summary>Options that differ from their defaults, after those that are always printed.</summary>
    public static string Join(string always, params IEnumerable<(bool IsShown, string Text)> options) =>
        string.Join(", ", options.Where(option => option.IsShown).Select(option => option.Text).Prepend(always));
}
