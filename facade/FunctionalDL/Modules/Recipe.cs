using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// A network as text and back: the text that it prints, which names kinds, options and parts. It is data, not code:
/// only the library's own layers are made of it, and nothing else.
/// </summary>
internal static partial class Recipe
{
    /// <summary>The recipe of a module. Whether it says everything is tried out at once.</summary>
    public static string Of(Module module)
    {
        var text = $"{module}".ReplaceLineEndings("\n");
        var copy = Parse(text);
        var (ours, theirs) = (module.StateDict(), copy.StateDict());

        return $"{copy}".ReplaceLineEndings("\n") == text
            && ours.Select(s => (s.Key, s.Value.Shape)).SequenceEqual(theirs.Select(s => (s.Key, s.Value.Shape)))
            ? text
            : throw new OptionException(
                $"recipe: what {module.TypeName} prints does not say all that it is made of: use Save and Load");
    }

    /// <summary>The module of a recipe, with first values.</summary>
    public static Module Parse(string text)
    {
        var open = text.IndexOf('(');

        if (open <= 0 || !text.EndsWith(')'))
        {
            throw new OptionException($"recipe: '{text}' is no kind of module with its options in parentheses");
        }

        var (kind, inner) = (text[..open], text[(open + 1)..^1]);
        return inner.StartsWith('\n') ? Container(kind, inner) : Leaf(kind, inner);
    }

    [GeneratedRegex(@"^\((?<name>[^()]+)\): ")]
    private static partial Regex PartHeader();

    private static Module Container(string kind, string inner)
    {
        var parts = new List<(string Name, StringBuilder Text)>();

        foreach (var line in inner.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[2..]))
        {
            if (PartHeader().Match(line) is { Success: true } header)
            {
                parts.Add((header.Groups["name"].Value, new StringBuilder(line[header.Length..])));
            }
            else if (parts.Count > 0)
            {
                parts[^1].Text.Append('\n').Append(line);
            }
            else
            {
                throw NotKnown(kind);
            }
        }

        return Made(kind, [.. parts.Select(part => (part.Name, Parse($"{part.Text}")))]);
    }

    /// <summary>The module of these parts: a list of any, or of a kind whose constructor takes its parts by their names.</summary>
    private static Module Made(string kind, (string Name, Module Module)[] parts)
    {
        if (parts.DistinctBy(part => part.Name).Count() < parts.Length)
        {
            throw NotKnown(kind);
        }

        var given = parts.ToDictionary(part => part.Name, part => part.Module);

        foreach (var constructor in Kind(kind)?.GetConstructors() ?? [])
        {
            var parameters = constructor.GetParameters();

            if (parameters is [var only] && only.ParameterType == parts.GetType())
            {
                return (Module)constructor.Invoke([parts]);
            }

            object?[] arguments = [.. parameters.Select(p => given.GetValueOrDefault(Discovery.PartNames.Of(p.Name!)))];

            if (arguments.Count(part => part is not null) == parts.Length
                && parameters.Zip(arguments).All(p => p.Second is null
                    ? p.First.HasDefaultValue
                    : p.First.ParameterType.IsInstanceOfType(p.Second)))
            {
                return (Module)constructor.Invoke(arguments);
            }
        }

        throw NotKnown(kind);
    }

    /// <summary>The library's own module of this name.</summary>
    private static Type? Kind(string name) =>
        typeof(Module).Assembly.GetType($"FunctionalDL.{name}") is { IsAbstract: false } type && type.IsSubclassOf(typeof(Module))
            ? type
            : null;

    private static Module Leaf(string kind, string inner)
    {
        if (kind == nameof(Sequential) && inner.Length == 0)
        {
            return new Sequential();
        }

        if (Kind(kind)?.GetConstructors() is not [var constructor])
        {
            throw NotKnown(kind);
        }

        var options = Options(inner);
        var positional = new Queue<string>(options.Where(o => o.Name is null).Select(o => o.Value));
        var named = options.Where(o => o.Name is not null).ToDictionary(o => o.Name!, o => o.Value);

        var arguments = constructor.GetParameters().Select(parameter =>
            parameter.ParameterType == typeof(Generator) ? null
            : named.Remove(Discovery.PartNames.Of(parameter.Name!), out var text) || positional.TryDequeue(out text)
                ? Value(kind, parameter.ParameterType, text)
                : parameter.HasDefaultValue ? parameter.DefaultValue : throw NotKnown(kind)).ToArray();

        return named.Count + positional.Count == 0 ? (Module)constructor.Invoke(arguments) : throw NotKnown(kind);
    }

    /// <summary>The options, which commas outside parentheses part.</summary>
    private static List<(string? Name, string Value)> Options(string inner)
    {
        var found = new List<(string? Name, string Value)>();
        var (depth, start) = (0, 0);

        for (var i = 0; i <= inner.Length; i++)
        {
            if (i == inner.Length || (inner[i] == ',' && depth == 0))
            {
                if (inner[start..i].Trim() is { Length: > 0 } option)
                {
                    var equals = option.IndexOf('=');
                    found.Add(equals < 0 ? (null, option) : (option[..equals], option[(equals + 1)..]));
                }

                start = i + 1;
            }
            else
            {
                depth += inner[i] == '(' ? 1 : inner[i] == ')' ? -1 : 0;
            }
        }

        return found;
    }

    private static object? Value(string kind, Type type, string text)
    {
        var wanted = Nullable.GetUnderlyingType(type) ?? type;
        var plain = text.Trim('\'');

        return text == "None" ? null
            : wanted == typeof(int) && int.TryParse(text, CultureInfo.InvariantCulture, out var whole) ? whole
            : wanted == typeof(double) && double.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number
            : wanted == typeof(bool) && bool.TryParse(text, out var truth) ? truth
            : wanted == typeof(Sizes) ? SizesOf(kind, plain)
            : wanted.IsEnum && Enum.TryParse(wanted, plain, ignoreCase: true, out var choice) ? choice
            : throw NotKnown(kind);
    }

    private static Sizes SizesOf(string kind, string text)
    {
        if (text == "same")
        {
            return Sizes.Same;
        }

        var numbers = text.Trim('(', ')').Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(part => int.TryParse(part, CultureInfo.InvariantCulture, out var number) ? number : throw NotKnown(kind));

        return numbers.ToArray() switch
        {
            [var all] => all,
            [var height, var width] => (height, width),
            [var depth, var height, var width] => (depth, height, width),
            _ => throw NotKnown(kind),
        };
    }

    private static OptionException NotKnown(string kind) => new(
        $"recipe: {kind} cannot be made of its text alone: a recipe holds layers and networks of the library; "
        + "for others use Save, and Load into a module that you make");
}
