using FunctionalDL.Core;
using FunctionalDL.Discovery;

namespace FunctionalDL.Interop;

/// <summary>
/// Puts the path of the failing module in front of an error's message. Each <c>Call</c> on the way out adds
/// the name that its module knows the inner one by.
/// </summary>
internal static class ErrorPath
{
    private const string ModuleKey = "FunctionalDL.Module";
    private const string PathKey = "FunctionalDL.Path";
    private const string MessageKey = "FunctionalDL.Message";

    public static ShapeException Extend(ShapeException error, Module outer)
    {
        var message = error.Data[MessageKey] as string ?? error.Message;
        var path = error.Data[PathKey] as string ?? "";

        if (error.Data[ModuleKey] is Module inner && !ReferenceEquals(inner, outer))
        {
            var children = ModuleTree.DirectModules(outer);
            var name = children.FirstOrDefault(child => ReferenceEquals(child.Module, inner)).Name;
            path = name is null ? path : path.Length == 0 ? name : $"{name}.{path}";
        }

        var extended = new ShapeException(path.Length == 0 ? message : $"{path}: {message}");
        extended.Data[MessageKey] = message;
        extended.Data[PathKey] = path;
        extended.Data[ModuleKey] = outer;
        return extended;
    }
}
