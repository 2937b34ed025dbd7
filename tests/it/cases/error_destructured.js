const { MessageSid } = vo.message;
return MessageSid;
