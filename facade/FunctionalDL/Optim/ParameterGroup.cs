using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Parameters that an <see cref="Optimizer"/> moves by options of their own. Options have PyTorch's names:
/// <c>group["weight_decay"] = 0.1</c>; they may change between steps.
/// </summary>
public sealed class ParameterGroup
{
    private readonly Dictionary<string, double> _options;
    private readonly Action<string, double> _check;

    internal ParameterGroup(
        IEnumerable<Parameter> parameters,
        IEnumerable<KeyValuePair<string, double>> options,
        Action<string, double> check)
    {
        (Parameters, _options, _check) = ([.. parameters], new(options), check);

        foreach (var (name, value) in _options)
        {
            check(name, value);
        }
    }

    /// <summary>What is moved.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The options by name.</summary>
    public IReadOnlyDictionary<string, double> Options => _options;

    /// <summary>The learning rate: the option <c>lr</c>.</summary>
    public double Lr
    {
        get => this["lr"];
        set => this["lr"] = value;
    }

    /// <summary>An option by name.</summary>
    /// <param name="name">Its name, such as <c>momentum</c>.</param>
    /// <exception cref="OptionException">There is none of that name, or, writing, the value is out of range.</exception>
    public double this[string name]
    {
        get => _options.TryGetValue(name, out var value) ? value : throw Unknown(name);

        set
        {
            if (!_options.ContainsKey(name))
            {
                throw Unknown(name);
            }

            _check(name, value);
            _options[name] = value;
        }
    }

    private OptionException Unknown(string name) =>
        new($"{name}: this optimiser has no such option; it has {string.Join(", ", _options.Keys)}");
}
