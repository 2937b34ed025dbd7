const shop = utils.getParameter("shop") ?? "our shop";
return `${shop} thanks you.`;
