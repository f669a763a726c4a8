using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace FunctionalDL.Discovery;

/// <summary>
/// What one module holds itself: cells and modules in its fields (those of its base classes first, in the
/// order of declaration) and, item by item, in their collections; then the parts that were added by name.
/// Nothing is kept but the fields of each class, so that what is found is what is there now.
/// </summary>
internal sealed class Members
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<Member>> ByType = new();

    private readonly List<(string Name, object Part)> _parts = [];
    private readonly List<(string Place, object Part)> _hidden = [];

    private Members()
    {
    }

    /// <summary>Parameters, buffers and modules, with their names.</summary>
    public IReadOnlyList<(string Name, object Part)> Parts => _parts;

    /// <summary>
    /// Parameters, buffers and modules in places that have no name, with those places in words.
    /// </summary>
    public IReadOnlyList<(string Place, object Part)> Hidden => _hidden;

    public static Members Of(Module module)
    {
        var members = new Members();

        foreach (var member in ByType.GetOrAdd(module.GetType(), FieldsOf))
        {
            members.Inspect(member.Name, member.Field.GetValue(module), $"{module.TypeName}.{member.Field.Name}");
        }

        foreach (var (name, cell) in module.Cells)
        {
            members.Add(name, cell);
        }

        foreach (var (name, part) in module.Added)
        {
            members.Add(name, part);
        }

        if (members._parts.GroupBy(p => p.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException(
                $"{module.TypeName} has two parts called '{twice.Key}': rename a field, or mark one [Unregistered]");
        }

        return members;
    }

    /// <summary>Whether a value is a part itself.</summary>
    public static bool IsPart(object value) => value is Module or Parameter or ModuleBuffer;

    /// <summary>Whether a variable of this type may hold a part, itself or inside.</summary>
    public static bool MayHold(Type type) =>
        !(type.IsPrimitive || type.IsEnum || type.IsPointer || type == typeof(string) || type == typeof(decimal)
            || type == typeof(Tensor) || type == typeof(Generator) || type == typeof(Device) || type == typeof(Shape)
            || typeof(Delegate).IsAssignableFrom(type) || typeof(MemberInfo).IsAssignableFrom(type)
            || (type.IsArray && !MayHold(type.GetElementType()!))
            || (IsSystemGeneric(type) && !type.GetGenericArguments().Any(MayHold)));

    /// <summary>
    /// Whether it is a generic type of .NET's, such as a collection, of which its arguments say what it
    /// holds.
    /// </summary>
    public static bool IsSystemGeneric(Type type) =>
        type.IsGenericType && type.Namespace?.Split('.')[0] == nameof(System);

    private void Inspect(string name, object? value, string place)
    {
        switch (value)
        {
            case null:
                break;
            case Module or Parameter or ModuleBuffer:
                Add(name, value);
                break;
            case var _ when !MayHold(value.GetType()):
                break;
            case IDictionary dictionary:
                foreach (DictionaryEntry entry in dictionary)
                {
                    InspectItem(name, $"{entry.Key}", entry.Value, place);
                }

                break;
            case IEnumerable items when IsCollection(value.GetType()):
                var i = 0;

                foreach (var item in items)
                {
                    InspectItem(name, $"{i++}", item, place);
                }

                break;
            case IEnumerable when value.GetType().GetInterfaces().Any(IsSequenceOfParts):
                throw new InvalidOperationException(
                    $"{place} is a lazy sequence, which may make new parts each time it is walked: "
                    + "store a list or array instead (ToList(), ToArray())");
            default:
                _hidden.AddRange(HiddenParts.In(value).Select(part => (place, part)));
                break;
        }
    }

    private void InspectItem(string name, string key, object? item, string place)
    {
        if (item is not null && MayHold(item.GetType()))
        {
            PartNames.Require(key);
            Inspect($"{name}.{key}", item, $"{place}[{key}]");
        }
    }

    private void Add(string name, object part) => _parts.Add((name, part));

    private static bool IsCollection(Type type) =>
        type.IsArray
        || typeof(ICollection).IsAssignableFrom(type)
        || type.GetInterfaces().Any(i =>
            i.IsGenericType
            && (i.GetGenericTypeDefinition() == typeof(ICollection<>)
                || i.GetGenericTypeDefinition() == typeof(IReadOnlyCollection<>)));

    private static bool IsSequenceOfParts(Type type) =>
        type.IsGenericType
        && type.GetGenericTypeDefinition() == typeof(IEnumerable<>)
        && type.GetGenericArguments()[0] is var item
        && (typeof(Module).IsAssignableFrom(item) || item == typeof(Parameter) || item == typeof(ModuleBuffer));

    private static IReadOnlyList<Member> FieldsOf(Type type)
    {
        var classes = new Stack<Type>();

        for (var t = type; t is not null && t != typeof(Module); t = t.BaseType)
        {
            classes.Push(t);
        }

        const BindingFlags declared =
            BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

        return
        [
            .. from t in classes
               from field in t.GetFields(declared).OrderBy(f => f.MetadataToken)
               where MayHold(field.FieldType) && !IsUnregistered(field)
               select new Member(PartNames.Of(MemberName(field)), field),
        ];
    }

    /// <summary>
    /// The name in the source: <c>&lt;Fc1&gt;k__BackingField</c> is <c>Fc1</c>, <c>&lt;fc1&gt;P</c> is
    /// <c>fc1</c>.
    /// </summary>
    private static string MemberName(FieldInfo field) =>
        field.Name is ['<', .. var rest] && rest.IndexOf('>') is > 0 and var end ? rest[..end] : field.Name;

    private static bool IsUnregistered(FieldInfo field) =>
        field.IsDefined(typeof(UnregisteredAttribute))
        || (field.IsDefined(typeof(CompilerGeneratedAttribute))
            && field.DeclaringType!
                .GetProperty(
                    MemberName(field),
                    BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                ?.IsDefined(typeof(UnregisteredAttribute)) == true);

    private sealed record Member(string Name, FieldInfo Field);
}
